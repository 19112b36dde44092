package io.mirrorregistry.explain;

import io.mirrorregistry.status.ManagementClient;
import io.mirrorregistry.status.ManagementClient.Response;
import java.io.IOException;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;

/** Asks the running mirror of this machine for an explanation. */
public final class ExplainClient {

    private static final int OK = 200;

    private final ManagementClient mirror;

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
        this.mirror = new ManagementClient(port);
    }

    /**
     * Asks. Blocks for at most half a minute.
     *
     * @param namespace null for none
     * @param client null for none
     * @throws NoAnswerException if no mirror runs, or it refuses the question
     */
    public Answer ask(String image, String namespace, String client) throws NoAnswerException {
        String path = "/explain?format=json&image=" + encoded(image) + (namespace == null ? "" : "&namespace=" + encoded(namespace))
                + (client == null ? "" : "&client=" + encoded(client));
        Response response;
        try {
            response = mirror.send("GET", path, null);
        } catch (IOException e) {
            throw new NoAnswerException(e.getMessage());
        }
        if (response.status() != OK && response.error() != null) {
            throw new NoAnswerException(response.error());
        }
        try {
            if (response.status() == OK && response.body() != null) {
                return new Answer(ExplanationTable.of(response.body()), response.body().getJsonObject("client").getBoolean("served"));
            }
        } catch (ClassCastException | NullPointerException e) {
            // The JSON is none of a mirror.
        }
        throw new NoAnswerException(mirror.foreign(response, "explains"));
    }

    private static String encoded(String text) {
        return URLEncoder.encode(text, StandardCharsets.UTF_8);
    }
}
