package io.mirrorregistry;

import io.mirrorregistry.testing.TestClient;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.net.http.HttpClient;
import java.net.http.HttpResponse;
import java.time.Duration;

/**
 * A response that a client has read to its end, or until it was cut.
 *
 * @param body as much as arrived
 * @param whole whether it came to an end as HTTP says
 */
record Pulled(HttpResponse<InputStream> response, byte[] body, boolean whole) {

    private static final HttpClient CLIENT = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();

    /** @param headers names and values alternate */
    static Pulled get(String url, String... headers) {
        try {
            HttpResponse<InputStream> response = CLIENT.send(TestClient.request("GET", url, Duration.ofSeconds(60), headers),
                    HttpResponse.BodyHandlers.ofInputStream());
            ByteArrayOutputStream body = new ByteArrayOutputStream();
            boolean whole = read(response.body(), body);
            return new Pulled(response, body.toByteArray(), whole);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException(e);
        }
    }

    /** Returns whether the body came to its end. */
    private static boolean read(InputStream in, ByteArrayOutputStream body) {
        byte[] buffer = new byte[65_536];
        try (in) {
            for (int count = in.read(buffer); count >= 0; count = in.read(buffer)) {
                body.write(buffer, 0, count);
            }
            return true;
        } catch (IOException e) {
            return false;
        }
    }

    int status() {
        return response.statusCode();
    }

    String header(String name) {
        return response.headers().firstValue(name).orElse(null);
    }

    @Override
    public String toString() {
        return status() + ", " + body.length + " bytes, " + (whole ? "whole" : "cut");
    }
}
