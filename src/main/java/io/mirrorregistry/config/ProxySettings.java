package io.mirrorregistry.config;

import io.mirrorregistry.protocol.UrlHost;
import java.net.URI;
import java.net.URISyntaxException;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.util.Locale;

/**
 * The proxy by way of which a registry is called.
 *
 * @param scheme what is spoken with the proxy itself: http or https
 * @param host its host name or address
 * @param port its port
 * @param credentials our account at the proxy; null for none
 */
public record ProxySettings(String scheme, String host, int port, Credentials credentials) {

    private static final String EXPECTED = "it is no URL of a proxy; write e.g. http://proxy.example.com:3128 "
            + "or http://user:password@proxy.example.com:3128, with %XX for characters that a URL cannot have";

    /**
     * Reads {@code http://[user:password@]host:port}; empty is none.
     *
     * @throws InvalidSettingException with the account masked
     */
    static ProxySettings read(SettingValues values, String setting) throws InvalidSettingException {
        String value = values.value(setting);
        if (value.isEmpty()) {
            return null;
        }
        try {
            URI url = new URI(value);
            String scheme = url.getScheme() == null ? "" : url.getScheme().toLowerCase(Locale.ROOT);
            boolean bare = (url.getRawPath().isEmpty() || url.getRawPath().equals("/")) && url.getRawQuery() == null && url.getRawFragment() == null;
            if ((scheme.equals("http") || scheme.equals("https")) && UrlHost.of(url) != null && UrlHost.port(url) > 0 && UrlHost.port(url) <= 65535 && bare) {
                return new ProxySettings(scheme, UrlHost.of(url), UrlHost.port(url), credentials(UrlHost.userInfo(url)));
            }
        } catch (URISyntaxException | IllegalArgumentException | NullPointerException e) {
            // refused below
        }
        throw new InvalidSettingException(setting, masked(value), EXPECTED);
    }

    private static Credentials credentials(String userInfo) {
        if (userInfo == null) {
            return null;
        }
        int colon = userInfo.indexOf(':');
        Credentials credentials = new Credentials(decoded(colon < 0 ? userInfo : userInfo.substring(0, colon)),
                colon < 0 ? "" : decoded(userInfo.substring(colon + 1)));
        if (credentials.username().isEmpty() || credentials.username().indexOf(':') >= 0
                || (credentials.username() + credentials.password()).chars().anyMatch(Character::isISOControl)) {
            throw new IllegalArgumentException("no account");
        }
        return credentials;
    }

    private static String decoded(String text) {
        return URLDecoder.decode(text.replace("+", "%2B"), StandardCharsets.UTF_8);
    }

    private static String masked(String value) {
        int at = value.lastIndexOf('@');
        return at < 0 ? value : "***" + value.substring(at);
    }

    /** Tells the proxy without our account there. */
    @Override
    public String toString() {
        return scheme + "://" + host + ":" + port;
    }
}
