package io.mirrorregistry.warm;

import io.mirrorregistry.status.ManagementClient;
import io.mirrorregistry.status.ManagementClient.Response;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.io.IOException;
import java.util.List;

/** Calls {@code /warm} of the running mirror of this machine. Every method blocks for at most half a minute. */
final class WarmClient {

    /** The {@link FailedException#status} of a mirror that does not respond, or whose response {@code /warm} never sends. */
    static final int NO_RESPONSE = 0;

    /** From this HTTP status on a response is no success. */
    private static final int BAD = 300;
    private static final String PATH = "/warm";

    private final ManagementClient mirror;

    /** The mirror refused, or did not respond; the message is one sentence. */
    static final class FailedException extends Exception {

        private final int status;

        private FailedException(int status, String message) {
            super(message, null, false, false);
            this.status = status;
        }

        /** Returns the HTTP status of the response, or {@link #NO_RESPONSE}. */
        int status() {
            return status;
        }
    }

    /** @param port the management port */
    WarmClient(int port) {
        this.mirror = new ManagementClient(port);
    }

    /** Asks for an image. Returns its item. */
    JsonObject ask(String image, List<String> platforms) throws FailedException {
        JsonObject body = new JsonObject().put("image", image);
        if (!platforms.isEmpty()) {
            body.put("platforms", new JsonArray(platforms));
        }
        return send("POST", PATH, body);
    }

    /** Returns an item. */
    JsonObject find(long id) throws FailedException {
        return send("GET", PATH + "/" + id, null);
    }

    /** Cancels an item. Returns it as it is then. */
    JsonObject cancel(long id) throws FailedException {
        return send("DELETE", PATH + "/" + id, null);
    }

    /** Returns the overview. */
    JsonObject overview() throws FailedException {
        return send("GET", PATH, null);
    }

    private JsonObject send(String method, String path, JsonObject question) throws FailedException {
        Response response;
        try {
            response = mirror.send(method, path, question);
        } catch (IOException e) {
            throw new FailedException(NO_RESPONSE, e.getMessage());
        }
        if (response.status() < BAD && response.body() != null) {
            return response.body();
        }
        throw response.error() == null ? new FailedException(NO_RESPONSE, mirror.foreign(response, "copies"))
                : new FailedException(response.status(), response.error());
    }
}
