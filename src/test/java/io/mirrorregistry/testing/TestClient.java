package io.mirrorregistry.testing;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;

/** The JDK's HTTP client, redirects not followed, in the fewest words. */
public final class TestClient {

    private final HttpClient client = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1)
            .connectTimeout(Duration.ofSeconds(5)).sslContext(TestTls.context()).build();

    public HttpResponse<byte[]> get(String url) {
        return send("GET", url);
    }

    /**
     * Sends a request without a body; header names and values alternate.
     *
     * @throws UncheckedIOException when no whole answer comes, after 30 seconds at the latest
     */
    public HttpResponse<byte[]> send(String method, String url, String... headers) {
        try {
            return client.send(request(method, url, Duration.ofSeconds(30), headers), HttpResponse.BodyHandlers.ofByteArray());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException(e);
        }
    }

    /** Builds a request without a body; header names and values alternate. */
    public static HttpRequest request(String method, String url, Duration timeout, String... headers) {
        HttpRequest.Builder request = HttpRequest.newBuilder(URI.create(url)).timeout(timeout)
                .method(method, HttpRequest.BodyPublishers.noBody());
        for (int i = 0; i < headers.length; i += 2) {
            request.header(headers[i], headers[i + 1]);
        }
        return request.build();
    }
}
