package io.mirrorregistry.server;

import io.mirrorregistry.logging.RepeatedFault;
import io.mirrorregistry.metrics.Metrics;
import io.mirrorregistry.protocol.ByteRange;
import io.mirrorregistry.protocol.Digest;
import io.mirrorregistry.protocol.ErrorCode;
import io.mirrorregistry.protocol.MediaTypes;
import io.mirrorregistry.protocol.ProtocolException;
import io.mirrorregistry.pull.BlobStep;
import io.mirrorregistry.pull.Pull;
import io.mirrorregistry.registry.Deadlines;
import io.mirrorregistry.registry.OpenBodies;
import io.mirrorregistry.registry.Registry;
import io.mirrorregistry.registry.RegistryAnswers;
import io.mirrorregistry.registry.RegistryTroubleException;
import io.mirrorregistry.registry.Step;
import io.mirrorregistry.registry.StoredBlob;
import io.netty.buffer.Unpooled;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpServerResponse;
import java.io.IOException;
import java.io.InputStream;
import java.time.Duration;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletionException;
import org.apache.camel.Exchange;
import org.apache.camel.Message;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.slf4j.event.Level;

/**
 * The step {@code stream} of routes: writes a blob to the client as it comes from the registry, in constant memory. What the
 * registry cuts is cut for the client, and when the client goes, so does the connection to the registry.
 *
 * <p>Camel's own way with a stream does neither, so the answer is written here, and Camel finds it written.
 */
public final class StreamStep {

    private static final Logger LOG = LoggerFactory.getLogger(StreamStep.class);
    private static final int BUFFER_BYTES = 64 * 1024;
    private static final int BUFFERS = 4;
    private static final byte[] NOTHING = new byte[0];

    private final RepeatedFault faults = new RepeatedFault(LoggerFactory.getLogger(StreamStep.class), Level.WARN);
    private final Metrics metrics;
    private final Streams streams;

    /**
     * @param streamsPerRegistry how many of one registry may run at a time, so that a slow one, or slow clients of it, leave
     *     workers for the other
     * @param workers how many workers there are; a quarter of them is left for what does not stream
     * @param metrics counts what is written
     */
    public StreamStep(int streamsPerRegistry, int workers, Metrics metrics) {
        this.streams = new Streams(streamsPerRegistry, Math.max(streamsPerRegistry, workers - workers / 4));
        this.metrics = metrics;
    }

    /**
     * Writes the blob, or the part of it that was asked for.
     *
     * @throws RegistryTroubleException when the registry breaks off before the first byte, or has too many streams under way, so that
     *     another can be asked
     * @throws ProtocolException RANGE_INVALID when the part lies outside the blob
     */
    @Step(needs = {"call", "response"}, sets = "answer")
    public void write(Exchange exchange) throws RegistryTroubleException, ProtocolException, InterruptedException {
        String registry = Pull.of(exchange).registry().name();
        Object body = exchange.getMessage().getBody();
        try {
            write(exchange, registry);
        } finally {
            // Also where nothing was read of it: an open body keeps its connection.
            if (body instanceof InputStream stream) {
                OpenBodies.close(stream);
            }
        }
    }

    private void write(Exchange exchange, String registry)
            throws RegistryTroubleException, ProtocolException, InterruptedException {
        try (Streams.Running stream = streams.begin(registry, Pull.of(exchange))) {
            if (stream == null) {
                throw new RegistryTroubleException(registry, Pull.of(exchange).call() + " was not streamed: too many streams are under way",
                        RegistryTroubleException.Kind.NOT_ASKED, null);
            }
            metrics.streamBegins();
            try {
                writeIt(exchange, stream);
            } finally {
                metrics.streamEnds();
            }
        }
    }

    private void writeIt(Exchange exchange, Streams.Running stream) throws RegistryTroubleException, ProtocolException, InterruptedException {
        Message message = exchange.getMessage();
        if (message.getBody() instanceof StoredBlob blob) {
            sendFile(exchange, blob, stream);
            return;
        }
        int status = Registry.status(exchange);
        String contentRange = message.getHeader("Content-Range", String.class);
        boolean part = Pull.of(exchange).call().range() != null;
        if (status == 416 && part) {
            throw outside(contentRange != null && RegistryAnswers.isPrintable(contentRange) ? contentRange : null);
        }
        if (status != 200 && (status != 206 || contentRange == null || !part)) {
            throw trouble(exchange, "was answered with " + status);
        }
        ByteRange.Answered answered = status == 200 ? null : ByteRange.answered(contentRange, Pull.of(exchange).call().range());
        if (status == 206 && answered == null) {
            throw trouble(exchange, "was answered with another part than the one asked for");
        }
        BlobStep.Found found = Pull.of(exchange).found();
        if (answered != null && found != null && answered.contradicts(found.length())) {
            throw trouble(exchange, "was answered with a part of a blob of another size");
        }
        stream(exchange, stream, status, answered == null ? null : contentRange, answered);
    }

    /** @param part null where the whole was answered without saying that it is a part */
    private void stream(Exchange exchange, Streams.Running running, int status, String contentRange, ByteRange.Answered part)
            throws RegistryTroubleException, InterruptedException {
        Message message = exchange.getMessage();
        InputStream body = message.getBody() instanceof InputStream stream ? stream : InputStream.nullInputStream();
        long length = part == null ? RegistryAnswers.contentLength(message) : part.part().length();
        Pull pull = Pull.of(exchange);
        pull.whenAbandoned(() -> OpenBodies.close(body));
        // Ends with the head, which goes out after the first bytes; from then on the blob may take as long as its client reads.
        Deadlines.Deadline late = pull.answerTime() == null ? () -> { }
                : Deadlines.set(Duration.ofNanos(Math.max(0, pull.answerTime().left())), () -> OpenBodies.close(body));
        try {
            ContentVerifier proof = part == null || part.whole()
                    ? ContentVerifier.ofWhole((Digest) Pull.of(exchange).call().path().reference(), length) : ContentVerifier.ofPart(length);
            copy(exchange, running, body, proof, late, () -> prepare(exchange, status, contentRange, length));
        } catch (RegistryTroubleException e) {
            throw e;
        } catch (IOException e) {
            if (pull.abandoned()) {
                LOG.debug("the client left: {}", Pull.of(exchange).call());
            } else {
                String registry = pull.registry().name();
                faults.log("cut " + registry, registry, pull.requestId(), null,
                        "Registry " + registry + " broke off, or sent other bytes: " + pull.call() + "; the client's answer is cut");
            }
            cut(pull);
        } finally {
            late.run();
        }
    }

    /**
     * Copies the body, always a buffer behind: the last one goes out only when the whole has proved right, so that what a
     * registry cuts, or what is something else, never looks complete. Until the first one goes out another registry can be asked.
     */
    private void copy(Exchange exchange, Streams.Running running, InputStream body, ContentVerifier proof, Deadlines.Deadline late, Runnable head)
            throws IOException, InterruptedException {
        Pull pull = Pull.of(exchange);
        HttpServerResponse response = pull.response();
        BlockingQueue<byte[]> free = new ArrayBlockingQueue<>(BUFFERS);
        for (int i = 1; i < BUFFERS; i++) {
            free.add(NOTHING);
        }
        byte[] buffer = new byte[BUFFER_BYTES];
        boolean begun = false;
        int count = read(exchange, body, buffer, begun, late);
        while (count >= 0 && !pull.abandoned()) {
            if (!proof.update(buffer, count)) {
                throw begun ? new IOException("too many bytes") : trouble(exchange, "was answered with more bytes than it says");
            }
            // Waits here until the client has taken something: at most BUFFERS are on their way.
            byte[] next = free.poll();
            if (next == null) {
                running.waits();
                next = free.take();
                running.goesOn();
            }
            if (next == NOTHING) {
                next = new byte[BUFFER_BYTES];
            }
            int following = read(exchange, body, next, begun, late);
            if (following < 0) {
                prove(exchange, proof, begun);
            }
            if (!begun) {
                late.run();
                head.run();
                begun = true;
            }
            byte[] written = buffer;
            metrics.streamed(Pull.of(exchange).registry().name(), count);
            response.write(Buffer.buffer(Unpooled.wrappedBuffer(written, 0, count))).onComplete(done -> {
                if (done.failed()) {
                    pull.abandon();
                }
                free.add(written);
            });
            buffer = next;
            count = following;
        }
        if (pull.abandoned()) {
            cut(pull);
        } else {
            if (!begun) {
                prove(exchange, proof, false);
                head.run();
            }
            end(response);
        }
    }

    private static int read(Exchange exchange, InputStream body, byte[] buffer, boolean begun, Deadlines.Deadline late) throws IOException {
        try {
            return body.read(buffer);
        } catch (IOException e) {
            // A client that has gone closes the body; that is no trouble of the registry, and no other is to be asked.
            throw begun || Pull.of(exchange).abandoned() ? e : trouble(exchange, late.hasEnded() ? "did not begin within the time for an answer" : "broke off");
        }
    }

    private static void prove(Exchange exchange, ContentVerifier proof, boolean begun) throws IOException {
        if (!proof.passes()) {
            throw begun ? new IOException("other bytes") : trouble(exchange, "was answered with other bytes");
        }
    }

    private static RegistryTroubleException trouble(Exchange exchange, String what) {
        return new RegistryTroubleException(Pull.of(exchange).registry().name(), Pull.of(exchange).call() + " " + what);
    }

    private void sendFile(Exchange exchange, StoredBlob blob, Streams.Running running) throws ProtocolException {
        ByteRange range = ByteRange.parse(Pull.of(exchange).call().range(), blob.size());
        if (range == null) {
            throw outside("bytes */" + blob.size());
        }
        boolean all = range.isAllOf(blob.size());
        prepare(exchange, all ? 200 : 206, all ? null : range.contentRange(blob.size()), range.length());
        Pull pull = Pull.of(exchange);
        running.waits();
        try {
            pull.response().sendFile(blob.file().toString(), range.start(), range.length()).toCompletionStage()
                    .toCompletableFuture().join();
            metrics.streamed(Pull.of(exchange).registry().name(), range.length());
        } catch (CompletionException e) {
            if (!pull.abandoned()) {
                String registry = pull.registry().name();
                faults.log("file " + registry, registry, pull.requestId(), null,
                        "Registry " + registry + " has a file that cannot be sent: " + blob.file() + ": " + e.getCause().getMessage());
            }
            cut(pull);
        }
    }

    /** @param contentLength -1 where it is not known */
    private static void prepare(Exchange exchange, int status, String contentRange, long contentLength) {
        Pull pull = Pull.of(exchange);
        pull.servedBy(Pull.of(exchange).registry().name());
        HttpServerResponse response = pull.response();
        response.setStatusCode(status)
                .putHeader("Content-Type", MediaTypes.OCTET_STREAM)
                .putHeader("Docker-Content-Digest", Pull.of(exchange).call().path().reference().value())
                .putHeader("Docker-Distribution-Api-Version", "registry/2.0")
                .putHeader("Accept-Ranges", "bytes");
        if (contentRange != null) {
            response.putHeader("Content-Range", contentRange);
        }
        if (contentLength >= 0) {
            response.putHeader("Content-Length", String.valueOf(contentLength));
        } else {
            response.setChunked(true);
        }
    }

    private static ProtocolException outside(String contentRange) {
        return new ProtocolException(ErrorCode.RANGE_INVALID, "The range lies outside the blob.", contentRange);
    }

    private static void end(HttpServerResponse response) {
        try {
            response.end().toCompletionStage().toCompletableFuture().join();
        } catch (CompletionException e) {
            LOG.debug("the client left at the end of its answer", e);
        }
    }

    /** Closes the client's connection without an end of the answer, so that nobody takes what came for the whole. */
    private static void cut(Pull pull) {
        HttpServerResponse response = pull.response();
        try {
            pull.connection().close().toCompletionStage().toCompletableFuture().join();
            // Nothing of this is sent any more; it is for Camel to see that there is nothing left to write.
            if (!response.ended()) {
                response.end();
            }
        } catch (CompletionException | IllegalStateException e) {
            LOG.debug("the connection was closed already", e);
        }
    }
}
