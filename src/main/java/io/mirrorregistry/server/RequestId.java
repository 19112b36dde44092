package io.mirrorregistry.server;

import io.vertx.core.http.HttpServerRequest;
import java.util.HexFormat;
import java.util.concurrent.ThreadLocalRandom;

/** What tells one request from all others, in the mirror's log, its answer, and what it asks registries. */
final class RequestId {

    static final String HEADER = "X-Request-ID";

    private static final int LONGEST = 128;
    private static final HexFormat HEX = HexFormat.of();

    private RequestId() {
    }

    /** Returns the client's or its proxy's, if there is one and it can stand in logs and headers; null otherwise. */
    static String given(HttpServerRequest request) {
        String given = request.getHeader(HEADER);
        return given != null && isSane(given) ? given : null;
    }

    /** Returns a new one of 32 hexadecimal digits. */
    static String make() {
        ThreadLocalRandom random = ThreadLocalRandom.current();
        return HEX.toHexDigits(random.nextLong()) + HEX.toHexDigits(random.nextLong());
    }

    private static boolean isSane(String id) {
        if (id.isEmpty() || id.length() > LONGEST) {
            return false;
        }
        for (int i = 0; i < id.length(); i++) {
            char c = id.charAt(i);
            boolean letterOrDigit = c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9';
            if (!letterOrDigit && "-_.:/+=@".indexOf(c) < 0) {
                return false;
            }
        }
        return true;
    }
}
