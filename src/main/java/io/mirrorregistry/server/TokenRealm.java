package io.mirrorregistry.server;

import io.mirrorregistry.config.AccessSettings;
import io.mirrorregistry.config.Networks;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.core.net.SocketAddress;
import java.util.regex.Pattern;

/**
 * Says where clients get a token: {@code mirror.access.public-url}, or else the host that the client has asked.
 *
 * @see <a href="https://distribution.github.io/distribution/spec/auth/token/">Token authentication</a>
 */
final class TokenRealm {

    /** The path of the token service. */
    static final String PATH = "/token";

    private static final String FORWARDED_PROTO = "X-Forwarded-Proto";
    private static final Pattern HOST = Pattern.compile("[A-Za-z0-9._-]+(:[0-9]{1,5})?|\\[[0-9A-Fa-f:.]+\\](:[0-9]{1,5})?");

    private final AccessSettings settings;
    private final String service;

    /** @param service the name of the token service */
    TokenRealm(AccessSettings settings, String service) {
        this.settings = settings;
        this.service = service;
    }

    /**
     * Returns the value of {@code WWW-Authenticate}.
     *
     * @param scope what the client needs a token for; null for nothing in particular
     * @param error why its token does not do; null where it has sent none
     */
    String challenge(HttpServerRequest request, String scope, String error) {
        return "Bearer realm=\"" + url(request) + "\",service=\"" + service + "\"" + (scope == null ? "" : ",scope=\"" + scope + "\"")
                + (error == null ? "" : ",error=\"" + error + "\"");
    }

    private String url(HttpServerRequest request) {
        if (settings.publicUrl() != null) {
            return settings.publicUrl() + PATH;
        }
        String host = request.getHeader(HttpHeaderNames.HOST);
        if (host == null || !HOST.matcher(host).matches()) {
            SocketAddress own = request.connection().localAddress();
            host = own == null ? "localhost" : (own.hostAddress().indexOf(':') < 0 ? own.hostAddress() : "[" + own.hostAddress() + "]") + ":" + own.port();
        }
        return (isHttps(request) ? "https://" : "http://") + host + PATH;
    }

    private boolean isHttps(HttpServerRequest request) {
        if (request.connection().isSsl()) {
            return true;
        }
        String proto = settings.trustedProxies().isEmpty() ? null : request.getHeader(FORWARDED_PROTO);
        SocketAddress peer = proto == null ? null : request.connection().remoteAddress();
        return peer != null && peer.hostAddress() != null && settings.trustedProxies().contain(Networks.address(peer.hostAddress()))
                && proto.split(",")[0].strip().equalsIgnoreCase("https");
    }
}
