package io.mirrorregistry.server;

import io.mirrorregistry.config.Networks;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.core.net.SocketAddress;
import java.net.InetAddress;
import java.util.ArrayList;
import java.util.List;

/**
 * Finds out where a request comes from, when proxies stand before the mirror: each writes whom it was asked by at the end of
 * {@code X-Forwarded-For}. What stands before the last address that is no trusted proxy's may be anybody's invention.
 */
final class ClientAddress {

    private static final String FORWARDED_FOR = "X-Forwarded-For";

    private final Networks trusted;

    /** @param trusted the proxies that are believed */
    ClientAddress(Networks trusted) {
        this.trusted = trusted;
    }

    /** Returns the client's IP address; null where the connection is gone and has none. */
    String of(HttpServerRequest request) {
        // The request's own method reads the authority and forwarding headers as well, of which nothing is needed here.
        SocketAddress remote = request.connection().remoteAddress();
        String peer = remote == null ? null : remote.hostAddress();
        if (peer == null || trusted.isEmpty() || !trusted.contain(Networks.address(peer))) {
            return peer;
        }
        String client = peer;
        List<String> hops = hops(request);
        for (int i = hops.size() - 1; i >= 0; i--) {
            InetAddress hop = Networks.address(withoutPort(hops.get(i)));
            if (hop == null) {
                return client;
            }
            client = hop.getHostAddress();
            if (!trusted.contain(hop)) {
                return client;
            }
        }
        return client;
    }

    private static List<String> hops(HttpServerRequest request) {
        List<String> hops = new ArrayList<>();
        for (String line : request.headers().getAll(FORWARDED_FOR)) {
            for (String hop : line.split(",")) {
                hops.add(hop.strip());
            }
        }
        return hops;
    }

    /** Some proxies write {@code 192.0.2.7:4711} or {@code [2001:db8::7]:4711}. */
    private static String withoutPort(String hop) {
        if (hop.startsWith("[")) {
            int end = hop.indexOf(']');
            return end < 0 || !hop.substring(end + 1).matches("(:[0-9]{1,5})?") ? "" : hop.substring(1, end);
        }
        return hop.matches("[0-9.]+:[0-9]{1,5}") ? hop.substring(0, hop.indexOf(':')) : hop;
    }
}
