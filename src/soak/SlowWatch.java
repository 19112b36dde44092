package soak;

import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.Map;
import java.util.function.BooleanSupplier;

/** Reads in the mirror's metrics, again and again, which registries it finds slow and asks last. */
final class SlowWatch {

    /** Between two looks, in ms. */
    static final long PAUSE = 100;

    private final HttpClient client = HttpClient.newHttpClient();
    private final HttpRequest metrics;
    private final Map<String, Registry> registries;

    /** @param management host:port of the mirror's management port */
    SlowWatch(String management, Map<String, Registry> registries) {
        this.metrics = HttpRequest.newBuilder(URI.create("http://" + management + "/metrics")).timeout(Duration.ofSeconds(10)).build();
        this.registries = registries;
    }

    /** Looks on a thread of its own for as long as the mirror runs. */
    void start(BooleanSupplier running) {
        Thread thread = new Thread(() -> {
            try {
                for (; running.getAsBoolean(); Thread.sleep(PAUSE)) {
                    look();
                }
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        }, "slow-watch");
        thread.setDaemon(true);
        thread.start();
    }

    private void look() throws InterruptedException {
        try {
            String text = client.send(metrics, HttpResponse.BodyHandlers.ofString()).body();
            registries.forEach((name, registry) -> registry.foundSlow(text.contains("mirror_registry_slow{registry=\"" + name + "\"} 1.0")));
        } catch (IOException e) {
            // The mirror is stopping, or its metrics took too long: nothing was seen.
        }
    }
}
