package io.mirrorregistry.lookahead;

import io.mirrorregistry.cache.CacheStep;
import io.mirrorregistry.config.Settings.LookaheadSettings;
import io.mirrorregistry.pull.Pull;
import io.mirrorregistry.registry.Registry;
import io.mirrorregistry.registry.Step;
import io.mirrorregistry.reload.Generation;
import io.mirrorregistry.reload.LiveRoutes;
import io.mirrorregistry.work.Workers;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.apache.camel.Exchange;

/**
 * The step {@code lookahead} of routes: asks the registry that has just served the manifest of an image for its blobs, before the client does. The
 * client's own requests join these calls, or find their outcome in memory.
 */
public final class LookaheadStep {

    /** A client that joins a call waits no longer for it than this. */
    static final Duration LONGEST_CALL = Duration.ofSeconds(1);
    /** At a registry that takes longer on average, most calls would end without an outcome. */
    private static final double MOST_MILLIS = LONGEST_CALL.toMillis() / 2.0;
    private static final int MOST_BLOBS = 50;

    private final LookaheadSettings settings;
    private final CacheStep cache;
    private final Workers workers;
    private final LiveRoutes live;

    /**
     * @param cache keeps what is found
     * @param workers make the calls while most of them are free
     * @param live says when the routes are about to stop
     */
    public LookaheadStep(LookaheadSettings settings, CacheStep cache, Workers workers, LiveRoutes live) {
        this.settings = settings;
        this.cache = cache;
        this.workers = workers;
        this.live = live;
    }

    /** Makes a step without effect. */
    public static LookaheadStep off(CacheStep cache) {
        return new LookaheadStep(new LookaheadSettings(0, Duration.ZERO), cache, null, null);
    }

    /**
     * Begins to ask for the blobs of the manifest that is the answer, if a registry has just sent its bytes and is as far as the setting says; returns at
     * once.
     *
     * @param address the address of the route that finds out whether the registry has a blob, such as {@code direct:blob-at-registry}
     */
    @Step(needs = {"plan", "target", "call", "answer"})
    public void blobs(String address, Exchange exchange) {
        Pull pull = Pull.of(exchange);
        if (settings.calls() == 0 || !cache.keepsBlobs() || !isFetched(pull) || !isWorthwhile(pull.registry()) || !workers.isMostlyFree()
                || !(exchange.getMessage().getBody() instanceof ByteBuffer manifest)) {
            return;
        }
        List<Pull> blobs = ManifestBlobs.read(manifest.array(), MOST_BLOBS).stream().map(pull::lookahead).toList();
        Generation generation = Generation.of(exchange.getContext());
        Lookahead lookahead = new Lookahead(address, exchange.getContext(), exchange.getVariables(), pull.registry(), blobs, cache,
                () -> workers.isMostlyFree() && !live.closing());
        for (int i = 0; i < Math.min(settings.calls(), blobs.size()); i++) {
            start(lookahead, generation);
        }
    }

    /** Returns whether the answer is the response to a GET, and what is found at its registry is kept. */
    private static boolean isFetched(Pull pull) {
        return pull.call() != null && !pull.call().head() && !pull.isStopgap();
    }

    private boolean isWorthwhile(Registry registry) {
        double millis = registry.millisToFirstByte();
        return !registry.settings().isFolder() && registry.isAvailable() && millis < MOST_MILLIS
                && millis >= settings.minLatency().toNanos() / (double) TimeUnit.MILLISECONDS.toNanos(1);
    }

    private void start(Runnable lookahead, Generation generation) {
        generation.enter();
        boolean started = false;
        try {
            started = workers.runIfFree(() -> {
                try {
                    lookahead.run();
                } finally {
                    generation.leave();
                }
            });
        } finally {
            if (!started) {
                generation.leave();
            }
        }
    }
}
