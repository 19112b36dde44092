package io.mirrorregistry.registry.http;

import io.mirrorregistry.protocol.ApiPath;
import io.mirrorregistry.protocol.ProtocolException;
import io.mirrorregistry.protocol.UrlHost;
import java.net.URI;
import java.util.Locale;

/**
 * Where a call goes. Other than a {@link URI} it keeps each character of the path and query as it was sent: signatures cover them.
 *
 * @param scheme {@code http} or {@code https}
 * @param host as it was sent
 * @param port -1 for the scheme's own
 * @param target path and query, each character a byte
 */
record Location(String scheme, String host, int port, String target) {

    private static final String API = "/v2/";

    static Location of(URI uri) {
        String query = uri.getRawQuery() == null ? "" : "?" + uri.getRawQuery();
        return new Location(uri.getScheme().toLowerCase(Locale.ROOT), UrlHost.of(uri), UrlHost.port(uri), uri.getRawPath() + query);
    }

    /** Returns the path, without the query. */
    String path() {
        int end = target.indexOf('?');
        return end < 0 ? target : target.substring(0, end);
    }

    /** Returns what the path names if it is one of the distribution API, below whatever other path; null otherwise. */
    ApiPath api() {
        int start = path().indexOf(API);
        try {
            ApiPath api = start < 0 ? null : ApiPath.parse(path().substring(start));
            return api == null || api.kind() == ApiPath.Kind.API_VERSION ? null : api;
        } catch (ProtocolException e) {
            return null;
        }
    }

    /** Returns whether both are on the same host and port, by the same scheme. */
    boolean isSameServer(Location other) {
        return scheme.equals(other.scheme) && host.equalsIgnoreCase(other.host) && usedPort() == other.usedPort();
    }

    private int usedPort() {
        if (port >= 0) {
            return port;
        }
        return scheme.equals("https") ? 443 : 80;
    }

    /** Returns the scheme, host and port. */
    String server() {
        return scheme + "://" + host + (port < 0 ? "" : ":" + port);
    }

    /** Returns the target as it can be sent: blanks, control characters and bytes beyond ASCII are percent-encoded, and nothing else. */
    String requestTarget() {
        StringBuilder sent = new StringBuilder(target.length());
        for (int i = 0; i < target.length(); i++) {
            char c = target.charAt(i);
            if (c > ' ' && c < 127) {
                sent.append(c);
            } else {
                sent.append(String.format("%%%02X", c & 0xff));
            }
        }
        return sent.toString();
    }

    /** Returns the address with each character as it was sent. */
    @Override
    public String toString() {
        return server() + target;
    }
}
