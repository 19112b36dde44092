package io.mirrorregistry.server;

import io.mirrorregistry.logging.RepeatedFault;
import io.mirrorregistry.metrics.Metrics;
import io.mirrorregistry.pull.Pull;
import io.mirrorregistry.registry.Call;
import io.mirrorregistry.registry.Deadlines;
import io.mirrorregistry.registry.OpenBodies;
import io.mirrorregistry.registry.RegistryTroubleException;
import io.netty.buffer.Unpooled;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpServerResponse;
import java.io.IOException;
import java.io.InputStream;
import java.time.Duration;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletionException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A blob, or a part of it, that is copied from a registry to the client in constant memory, always a buffer behind: the last buffer goes out only
 * when the whole has proved right, so that what a registry cuts, or what is something else, never looks complete. What the registry cuts is cut
 * for the client, and when the client goes, so does the connection to the registry.
 */
final class StreamedBlob implements StreamedBody {

    private static final Logger LOG = LoggerFactory.getLogger(StreamedBlob.class);
    private static final int BUFFER_BYTES = 64 * 1024;
    private static final int BUFFERS = 4;
    private static final byte[] NOTHING = new byte[0];

    private final Pull pull;
    private final String registry;
    private final Call call;
    private final InputStream body;
    private final long length;
    private final ContentVerifier proof;
    private final Streams.Running running;
    private final Metrics metrics;
    private final RepeatedFault faults;
    private final BlockingQueue<byte[]> free = new ArrayBlockingQueue<>(BUFFERS);
    private byte[] buffer = new byte[BUFFER_BYTES];
    private byte[] next = new byte[BUFFER_BYTES];
    /** How many bytes are in the two buffers; -1 for the end of the body. */
    private int count;
    private int following = -1;

    /** @param length -1 where it is not known */
    StreamedBlob(Pull pull, InputStream body, long length, ContentVerifier proof, Streams.Running running, Metrics metrics, RepeatedFault faults) {
        this.pull = pull;
        this.registry = pull.registry().name();
        this.call = pull.call();
        this.body = body;
        this.length = length;
        this.proof = proof;
        this.running = running;
        this.metrics = metrics;
        this.faults = faults;
        for (int i = 2; i < BUFFERS; i++) {
            free.add(NOTHING);
        }
    }

    /**
     * Reads the first bytes, or all of a blob that is small, for as long as the time for an answer allows.
     *
     * @throws RegistryTroubleException when the registry breaks off before them or sends other bytes, so that another one can be asked
     */
    void begin() throws RegistryTroubleException {
        pull.whenAbandoned(() -> OpenBodies.close(body));
        Deadlines.Deadline late = pull.answerTime() == null ? () -> { }
                : Deadlines.set(Duration.ofNanos(Math.max(0, pull.answerTime().left())), () -> OpenBodies.close(body));
        try {
            count = body.read(buffer);
            if (count >= 0) {
                if (!proof.update(buffer, count)) {
                    throw trouble("was answered with more bytes than it says");
                }
                following = body.read(next);
            }
        } catch (IOException e) {
            if (pull.abandoned()) {
                // The client that has gone has closed the body. That is no trouble of the registry, and no other one is to be asked.
                return;
            }
            throw trouble(late.hasEnded() ? "did not begin within the time for an answer" : "broke off");
        } finally {
            late.run();
        }
        if (following < 0 && !proof.passes()) {
            throw trouble("was answered with other bytes");
        }
    }

    private RegistryTroubleException trouble(String what) {
        return new RegistryTroubleException(registry, call + " " + what);
    }

    @Override
    public long length() {
        return length;
    }

    @Override
    public void send() {
        try {
            copy();
            if (!pull.abandoned()) {
                end();
                return;
            }
        } catch (IOException e) {
            if (pull.abandoned()) {
                LOG.debug("the client left: {}", call);
            } else {
                faults.log("cut " + registry, registry, pull.requestId(), null,
                        "Registry " + registry + " broke off, or sent other bytes: " + call + "; the client's answer is cut");
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        cut(pull);
    }

    private void copy() throws IOException, InterruptedException {
        while (count >= 0 && !pull.abandoned()) {
            write();
            buffer = next;
            count = following;
            if (count < 0) {
                return;
            }
            if (!proof.update(buffer, count)) {
                throw new IOException("too many bytes");
            }
            next = takeFree();
            following = body.read(next);
            if (following < 0 && !proof.passes()) {
                throw new IOException("other bytes");
            }
        }
    }

    private void write() {
        byte[] written = buffer;
        metrics.streamed(registry, count);
        pull.response().write(Buffer.buffer(Unpooled.wrappedBuffer(written, 0, count))).onComplete(done -> {
            if (done.failed()) {
                pull.abandon();
            }
            free.add(written);
        });
    }

    /** Waits until the client has taken something: at most {@link #BUFFERS} are on their way. */
    private byte[] takeFree() throws InterruptedException {
        byte[] taken = free.poll();
        if (taken == null) {
            running.waits();
            taken = free.take();
            running.goesOn();
        }
        return taken == NOTHING ? new byte[BUFFER_BYTES] : taken;
    }

    private void end() {
        try {
            pull.response().end().toCompletionStage().toCompletableFuture().join();
        } catch (CompletionException e) {
            LOG.debug("the client left at the end of its answer", e);
        }
    }

    /** Closes the client's connection without an end of the answer, so that nobody takes what came for the whole. */
    static void cut(Pull pull) {
        HttpServerResponse response = pull.response();
        try {
            pull.connection().close().toCompletionStage().toCompletableFuture().join();
            // Nothing of this is sent any more; it is for others to see that there is nothing left to write.
            if (!response.ended()) {
                response.end();
            }
        } catch (CompletionException | IllegalStateException e) {
            LOG.debug("the connection was closed already", e);
        }
    }

    @Override
    public void close() {
        OpenBodies.close(body);
        running.close();
    }
}
