package io.mirrorregistry;

import io.mirrorregistry.testing.TestClient;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.net.http.HttpClient;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/**
 * What a client heard, to the end or until it had enough: two seconds or 8 MiB of a body.
 *
 * @param whole whether the answer came to an end as HTTP says
 */
record Heard(int status, Map<String, List<String>> headers, byte[] body, boolean whole, long milliseconds) {

    private static final int ENOUGH_BYTES = 8 * 1024 * 1024;
    private static final long ENOUGH_TIME = TimeUnit.SECONDS.toNanos(2);
    private static final HttpClient CLIENT = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();

    /** @param headers names and values alternate */
    static Heard ask(String url, boolean head, String... headers) {
        long start = System.nanoTime();
        try {
            HttpResponse<InputStream> response = CLIENT.send(TestClient.request(head ? "HEAD" : "GET", url, Duration.ofSeconds(20), headers),
                    HttpResponse.BodyHandlers.ofInputStream());
            ByteArrayOutputStream body = new ByteArrayOutputStream();
            boolean whole = read(response.body(), body);
            return new Heard(response.statusCode(), response.headers().map(), body.toByteArray(), whole,
                    TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - start));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException(e);
        }
    }

    private static boolean read(InputStream in, ByteArrayOutputStream body) {
        long start = System.nanoTime();
        byte[] buffer = new byte[65_536];
        try (in) {
            while (body.size() < ENOUGH_BYTES && System.nanoTime() - start < ENOUGH_TIME) {
                int count = in.read(buffer);
                if (count < 0) {
                    return true;
                }
                body.write(buffer, 0, count);
            }
        } catch (IOException e) {
            // cut
        }
        return false;
    }

    String header(String name) {
        return headers.getOrDefault(name.toLowerCase(), List.of()).stream().findFirst().orElse(null);
    }

    String text() {
        return new String(body, StandardCharsets.UTF_8);
    }

    @Override
    public String toString() {
        return status + " " + headers + " " + body.length + " bytes, " + (whole ? "whole" : "cut") + ", " + milliseconds + " ms: "
                + text().substring(0, Math.min(400, text().length()));
    }
}
