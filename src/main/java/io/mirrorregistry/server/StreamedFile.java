package io.mirrorregistry.server;

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
    private final StreamReports reports;

    StreamedFile(Pull pull, StoredBlob blob, ByteRange range, Streams.Running running, StreamReports reports) {
        this.pull = pull;
        this.registry = pull.registry().name();
        this.blob = blob;
        this.range = range;
        this.running = running;
        this.reports = reports;
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
            reports.streamed(registry, range.length());
        } catch (CompletionException e) {
            if (!pull.abandoned()) {
                reports.unreadable(pull, registry, blob.file().toString(), e.getCause().getMessage());
            }
            StreamedBlob.cut(pull);
        }
    }

    @Override
    public void close() {
        running.close();
    }
}
