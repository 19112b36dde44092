package io.mirrorregistry.warm;

import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.mirrorregistry.config.InvalidSettingException;
import io.mirrorregistry.config.SettingsReader;
import io.mirrorregistry.metrics.Metrics;
import io.mirrorregistry.status.StatusPage;
import io.vertx.core.Vertx;
import io.vertx.core.http.HttpServer;
import io.vertx.core.json.JsonObject;
import io.vertx.ext.web.Router;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;

/** The pages of the management port that show a queue, on a free port of 127.0.0.1, and a client of them. */
final class WarmServer implements AutoCloseable {

    private final Vertx vertx = Vertx.vertx();
    private final Metrics metrics = new Metrics(new SimpleMeterRegistry());
    private final WarmPage page;
    private final HttpServer server;
    private final HttpClient client = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();

    /** @param queue null for copying that is off */
    WarmServer(WarmQueue queue) {
        this(queue, 0);
    }

    /** @param port 0 for a free one */
    WarmServer(WarmQueue queue, int port) {
        Router router = Router.router(vertx);
        page = new WarmPage(queue, vertx);
        page.serve(router);
        try {
            new StatusPage("test", SettingsReader.read(Path.of(""), Map.of(), "test"), List.of(), Map.of(), null, metrics, null, null, null, queue).serve(router);
        } catch (InvalidSettingException e) {
            throw new IllegalStateException(e);
        }
        server = vertx.createHttpServer().requestHandler(router).listen(port, "127.0.0.1").toCompletionStage().toCompletableFuture().join();
    }

    int port() {
        return server.actualPort();
    }

    /** Sends a request; names and values of headers alternate. */
    HttpResponse<String> send(String method, String path, String body, String... headers) {
        try {
            return client.send(request(method, path, body, headers), HttpResponse.BodyHandlers.ofString());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    CompletableFuture<HttpResponse<String>> sendAsync(String method, String path) {
        return client.sendAsync(request(method, path, ""), HttpResponse.BodyHandlers.ofString());
    }

    private HttpRequest request(String method, String path, String body, String... headers) {
        HttpRequest.Builder request = HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + port() + path)).timeout(Duration.ofSeconds(30))
                .method(method, HttpRequest.BodyPublishers.ofString(body));
        for (int i = 0; i < headers.length; i += 2) {
            request.header(headers[i], headers[i + 1]);
        }
        return request.build();
    }

    HttpResponse<String> get(String path) {
        return send("GET", path, "");
    }

    HttpResponse<String> ask(String body) {
        return send("POST", "/warm", body, "Content-Type", "application/json");
    }

    /** Returns the error of a response that must have this status. */
    static String error(int status, HttpResponse<String> response) {
        if (response.statusCode() != status) {
            throw new AssertionError(response.statusCode() + " " + response.body());
        }
        return new JsonObject(response.body()).getString("error");
    }

    @Override
    public void close() {
        page.close();
        metrics.close();
        vertx.close().toCompletionStage().toCompletableFuture().join();
    }
}
