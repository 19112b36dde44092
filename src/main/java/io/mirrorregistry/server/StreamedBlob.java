package io.mirrorregistry.server;

import io.mirrorregistry.pull.Pull;
import io.mirrorregistry.registry.Call;
import io.mirrorregistry.registry.ClientLeftException;
import io.mirrorregistry.registry.Deadlines;
import io.mirrorregistry.registry.RegistryTroubleException;
import io.netty.buffer.Unpooled;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpServerResponse;
import java.io.IOException;
import java.io.InputStream;
import java.net.SocketTimeoutException;
import java.time.Duration;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletionException;
import org.apache.camel.Exchange;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A blob, or a part of it, that is copied from a registry to the client in constant memory, always a buffer behind: the last buffer goes out only
 * when the whole has proved right, so that what a registry cuts, or what is something else, never looks complete.
 *
 * <p>If the registry breaks off or stalls, a route fetches the rest, and the copy continues with it: the digest of the whole proves both parts
 * together. If no registry has the rest, the client's response is cut. When the client goes, so does the connection to the registry.
 *
 * <p>All methods but {@link #close} are for one thread at a time: the one that runs the route, and then the one that sends.
 */
final class StreamedBlob implements StreamedBody {

    private static final Logger LOG = LoggerFactory.getLogger(StreamedBlob.class);
    private static final int BUFFER_BYTES = 64 * 1024;
    private static final int BUFFERS = 4;
    private static final byte[] NOTHING = new byte[0];

    private final Pull pull;
    private final Call call;
    private final StreamedBytes bytes;
    private final ContentVerifier verifier;
    private final Streams.Running running;
    private final StreamReports reports;
    private final BlockingQueue<byte[]> free = new ArrayBlockingQueue<>(BUFFERS);
    /** Another one after each break. */
    private volatile BlobSource source;
    /** Fetches the rest after a break; null for nothing. */
    private RestRoute rest;
    /** The registry that broke off first since bytes last arrived, and why; null for none. */
    private String lost;
    private StreamReports.Reason reason;
    private byte[] buffer = new byte[BUFFER_BYTES];
    private byte[] next = new byte[BUFFER_BYTES];
    /** How many bytes are in the two buffers; -1 for the end of the body. */
    private int count;
    private int following = -1;
    /** The registries that sent the bytes in the two buffers. */
    private String sender;
    private String nextSender;

    /** Why the client's response has to be cut. */
    private static final class CutException extends Exception {

        private final String registry;

        /** @param how what the registry did: "sent other bytes" */
        private CutException(String registry, String how) {
            super(how, null, false, false);
            this.registry = registry;
        }
    }

    StreamedBlob(Pull pull, InputStream body, StreamedBytes bytes, Streams.Running running, StreamReports reports) {
        this.pull = pull;
        this.call = pull.call();
        this.bytes = bytes;
        this.verifier = bytes.verifier();
        this.running = running;
        this.reports = reports;
        this.source = new BlobSource(pull.registry().name(), body, Long.MAX_VALUE);
        this.sender = source.registry();
        this.nextSender = sender;
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
        pull.whenAbandoned(source::close);
        Deadlines.Deadline late = closes(source, 1);
        try {
            count = source.read(buffer);
            if (count >= 0) {
                if (!verifier.update(buffer, count)) {
                    throw trouble("was answered with more bytes than it says");
                }
                following = source.read(next);
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
        if (following < 0 && !verifier.passes()) {
            throw trouble("was answered with other bytes");
        }
    }

    /**
     * Closes a source at a deadline, unless that is called off before.
     *
     * @param parts the deadline is at the end of the first of so many parts of the time for an answer that is left
     */
    private Deadlines.Deadline closes(BlobSource late, int parts) {
        return pull.answerTime() == null ? () -> { } : Deadlines.set(Duration.ofNanos(Math.max(0, pull.answerTime().left() / parts)), late::close);
    }

    private RegistryTroubleException trouble(String what) {
        return new RegistryTroubleException(source.registry(), call + " " + what);
    }

    @Override
    public long length() {
        return bytes.length();
    }

    /** Sets the route that fetches the rest if a registry breaks off. */
    void resumeBy(RestRoute route) {
        rest = route;
    }

    @Override
    public void send() {
        try {
            copy();
            if (!pull.abandoned()) {
                end();
                return;
            }
        } catch (CutException e) {
            if (pull.abandoned()) {
                LOG.debug("the client left: {}", call);
            } else {
                reports.cut(pull, call, e.registry, e.getMessage());
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        cut(pull);
    }

    private void copy() throws CutException, InterruptedException {
        while (count >= 0 && !pull.abandoned()) {
            write();
            buffer = next;
            count = following;
            sender = nextSender;
            if (count < 0) {
                return;
            }
            if (!verifier.update(buffer, count)) {
                throw new CutException(sender, "sent more bytes than it stated");
            }
            next = takeFree();
            following = read();
        }
    }

    /** Reads bytes into {@link #next}, after a break those of another response. Returns -1 at the end, when all bytes have proved right. */
    private int read() throws CutException, InterruptedException {
        while (true) {
            StreamReports.Reason why = StreamReports.Reason.BROKE_OFF;
            try {
                int read = source.read(next);
                if (read >= 0) {
                    arrived();
                    return read;
                }
            } catch (SocketTimeoutException e) {
                why = StreamReports.Reason.STALLED;
            } catch (IOException e) {
                LOG.debug("a stream broke off", e);
            }
            if (verifier.passes()) {
                return -1;
            }
            if (pull.abandoned() || !bytes.isMissingAfter(verifier.count())) {
                throw new CutException(source.registry(), "sent other bytes");
            }
            resume(why);
        }
    }

    private void arrived() {
        nextSender = source.registry();
        if (lost != null) {
            pull.servedAlsoBy(nextSender);
            reports.resumed(pull, call, lost, reason, nextSender, verifier.count());
            lost = null;
        }
    }

    /** Has the route fetch the rest. */
    private void resume(StreamReports.Reason why) throws CutException {
        BlobSource broken = source;
        broken.close();
        String how = why.words() + " after " + verifier.count() + (bytes.length() < 0 ? "" : " of " + bytes.length()) + " bytes";
        if (rest == null) {
            throw new CutException(broken.registry(), how);
        }
        running.leaveRegistry();
        if (lost == null) {
            lost = broken.registry();
            reason = why;
        }
        pull.resumes();
        rest.run(this, new RegistryTroubleException(broken.registry(), call + " " + how));
        if (source == broken) {
            throw new CutException(broken.registry(), how);
        }
    }

    /** Returns the stream that a route fetches the rest of. */
    static StreamedBlob brokenOff(Exchange exchange) {
        StreamedBlob stream = exchange.getProperty(RestRoute.STREAM, StreamedBlob.class);
        if (stream == null) {
            throw new IllegalStateException("no stream has broken off");
        }
        return stream;
    }

    /** Returns the Range header for the bytes that are missing. */
    String missing() {
        return bytes.rangeAfter(verifier.count());
    }

    /** Returns whether the client has gone, so that nobody needs the rest. */
    boolean isAbandoned() {
        return pull.abandoned();
    }

    /**
     * Continues with the response that the exchange carries, if it has the bytes that are missing. Those before them are read and dropped, in half of
     * the time for an answer that is left, or in all of it if no other registry is left.
     *
     * @throws RegistryTroubleException if it has not, or too many streams of that registry are under way
     */
    void resume(Exchange exchange) throws RegistryTroubleException, ClientLeftException, InterruptedException {
        StreamedBytes.Rest found = bytes.after(verifier.count(), exchange);
        BlobSource another = new BlobSource(pull.registry().name(), found.body(), found.most());
        boolean resumed = false;
        try {
            if (!running.enterRegistry(another.registry())) {
                throw StreamStep.notStreamed(pull, "");
            }
            pull.whenAbandoned(another::close);
            skip(another, found.skipped());
            source = another;
            resumed = true;
        } finally {
            if (!resumed) {
                another.close();
            }
        }
    }

    private void skip(BlobSource another, long skipped) throws RegistryTroubleException, ClientLeftException {
        // The next registry has to have some of the time, too.
        Deadlines.Deadline late = skipped == 0 ? () -> { } : closes(another, pull.isNext() ? 2 : 1);
        try {
            another.skip(skipped, next);
        } catch (IOException e) {
            if (pull.abandoned()) {
                throw new ClientLeftException();
            }
            throw pull.trouble("from byte 0 on, and byte " + skipped + " did not arrive" + (late.hasEnded() ? " in time" : ""));
        } finally {
            late.run();
        }
    }

    private void write() {
        byte[] written = buffer;
        reports.streamed(sender, count);
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
        source.close();
        running.close();
    }
}
