package io.mirrorregistry.server;

import io.mirrorregistry.logging.RepeatedFault;
import io.mirrorregistry.metrics.Metrics;
import io.mirrorregistry.protocol.ByteRange;
import io.mirrorregistry.pull.Pull;
import io.mirrorregistry.registry.StoredBlob;
import java.util.concurrent.CompletionException;

/** A blob of a folder, or a part of it, that is sent straight from its file. */
final class StreamedFile implements StreamedBody {

    private final Pull pull;
    private final String registry;
    private final StoredBlob blob;
    private final ByteRange range;
    private final Streams.Running running;
    private final Metrics metrics;
    private final RepeatedFault faults;

    StreamedFile(Pull pull, StoredBlob blob, ByteRange range, Streams.Running running, Metrics metrics, RepeatedFault faults) {
        this.pull = pull;
        this.registry = pull.registry().name();
        this.blob = blob;
        this.range = range;
        this.running = running;
        this.metrics = metrics;
        this.faults = faults;
    }

    @Override
    public long length() {
        return range.length();
    }

    @Override
    public void send() {
        running.waits();
        try {
            pull.response().sendFile(blob.file().toString(), range.start(), range.length()).toCompletionStage().toCompletableFuture().join();
            metrics.streamed(registry, range.length());
        } catch (CompletionException e) {
            if (!pull.abandoned()) {
                faults.log("file " + registry, registry, pull.requestId(), null,
                        "Registry " + registry + " has a file that cannot be sent: " + blob.file() + ": " + e.getCause().getMessage());
            }
            StreamedBlob.cut(pull);
        }
    }

    @Override
    public void close() {
        running.close();
    }
}
