package io.mirrorregistry.status;

import io.vertx.core.json.DecodeException;
import io.vertx.core.json.JsonObject;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.HttpURLConnection;
import java.net.Proxy;
import java.net.URI;
import java.nio.charset.StandardCharsets;

/** Calls the management port of the running mirror of this machine, for commands. */
public final class ManagementClient {

    private static final int CONNECT_MILLIS = 2000;
    /** Longer than any response of the management port takes. */
    private static final int READ_MILLIS = 30_000;
    private static final int MOST_BYTES = 4 * 1024 * 1024;

    private final String address;

    /**
     * A response.
     *
     * @param status its HTTP status
     * @param body null if the body is no JSON object
     */
    public record Response(int status, JsonObject body) {

        /** Returns the sentence of an error; null if there is none. */
        public String error() {
            return body != null && body.getValue("error") instanceof String sentence ? sentence : null;
        }
    }

    /** @param port the management port */
    public ManagementClient(int port) {
        this.address = "127.0.0.1:" + port;
    }

    /**
     * Sends a request. Blocks for at most half a minute.
     *
     * @param path with its query
     * @param question the JSON of the body; null for no body
     * @throws IOException if no server responds; the message is one sentence for a person
     */
    public Response send(String method, String path, JsonObject question) throws IOException {
        try {
            HttpURLConnection connection = (HttpURLConnection) URI.create("http://" + address + path).toURL().openConnection(Proxy.NO_PROXY);
            connection.setRequestMethod(method);
            connection.setConnectTimeout(CONNECT_MILLIS);
            connection.setReadTimeout(READ_MILLIS);
            connection.setInstanceFollowRedirects(false);
            if (question != null) {
                connection.setRequestProperty("Content-Type", "application/json");
                connection.setDoOutput(true);
                try (OutputStream out = connection.getOutputStream()) {
                    out.write(question.toBuffer().getBytes());
                }
            }
            int status = connection.getResponseCode();
            try (InputStream in = status < 400 ? connection.getInputStream() : connection.getErrorStream()) {
                return new Response(status, json(in == null ? new byte[0] : in.readNBytes(MOST_BYTES)));
            }
        } catch (IOException e) {
            throw new IOException("No mirror responds at " + address + " (mirror.management.port): " + e.getMessage() + ".", e);
        }
    }

    /** Returns a sentence for a response that is none of a mirror. */
    public String foreign(Response response, String expected) {
        return "The server at " + address + " (mirror.management.port) responds with " + response.status() + " and is no mirror that " + expected + ".";
    }

    private static JsonObject json(byte[] body) {
        try {
            return new JsonObject(new String(body, StandardCharsets.UTF_8));
        } catch (DecodeException | ClassCastException e) {
            return null;
        }
    }
}
