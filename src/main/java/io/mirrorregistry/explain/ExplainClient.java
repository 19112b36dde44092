package io.mirrorregistry.explain;

import io.vertx.core.json.DecodeException;
import io.vertx.core.json.JsonObject;
import java.io.IOException;
import java.io.InputStream;
import java.net.HttpURLConnection;
import java.net.Proxy;
import java.net.URI;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;

/** Asks the running mirror of this machine for an explanation. */
public final class ExplainClient {

    private static final int CONNECT_MILLIS = 2000;
    /** Longer than an explanation may take. */
    private static final int READ_MILLIS = 30_000;
    private static final int MOST_BYTES = 4 * 1024 * 1024;

    private final int port;

    /**
     * The answer for people.
     *
     * @param text lines that end with a line feed
     * @param served whether a client gets the image
     */
    public record Answer(String text, boolean served) {
    }

    /** There is no explanation; the message is one sentence. */
    public static final class NoAnswerException extends Exception {

        private NoAnswerException(String message) {
            super(message, null, false, false);
        }
    }

    /** @param port the management port */
    public ExplainClient(int port) {
        this.port = port;
    }

    /**
     * Asks. Blocks for at most half a minute.
     *
     * @param namespace null for none
     * @param client null for none
     * @throws NoAnswerException if no mirror runs, or it refuses the question
     */
    public Answer ask(String image, String namespace, String client) throws NoAnswerException {
        String address = "http://127.0.0.1:" + port + "/explain?format=json&image=" + encoded(image)
                + (namespace == null ? "" : "&namespace=" + encoded(namespace)) + (client == null ? "" : "&client=" + encoded(client));
        int status;
        byte[] body;
        try {
            HttpURLConnection connection = (HttpURLConnection) URI.create(address).toURL().openConnection(Proxy.NO_PROXY);
            connection.setConnectTimeout(CONNECT_MILLIS);
            connection.setReadTimeout(READ_MILLIS);
            connection.setInstanceFollowRedirects(false);
            status = connection.getResponseCode();
            try (InputStream in = status < 400 ? connection.getInputStream() : connection.getErrorStream()) {
                body = in == null ? new byte[0] : in.readNBytes(MOST_BYTES);
            }
        } catch (IOException e) {
            throw new NoAnswerException("No mirror answers at 127.0.0.1:" + port + " (mirror.management.port): " + e.getMessage() + ".");
        }
        try {
            JsonObject answer = new JsonObject(new String(body, StandardCharsets.UTF_8));
            if (status == 200) {
                return new Answer(ExplanationTable.of(answer), answer.getJsonObject("client").getBoolean("served"));
            } else if (answer.getString("error") != null) {
                throw new NoAnswerException(answer.getString("error"));
            }
        } catch (DecodeException | ClassCastException | NullPointerException e) {
            // told below
        }
        throw new NoAnswerException("The server at 127.0.0.1:" + port + " (mirror.management.port) responds with " + status
                + " and is no mirror that explains.");
    }

    private static String encoded(String text) {
        return URLEncoder.encode(text, StandardCharsets.UTF_8);
    }
}
