package io.mirrorregistry.server;

import io.mirrorregistry.registry.PushBody;
import io.mirrorregistry.registry.PushBodyException;
import io.netty.buffer.ByteBuf;
import io.netty.channel.Channel;
import io.vertx.core.http.HttpHeaders;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.core.http.HttpVersion;
import io.vertx.core.net.impl.ConnectionBase;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.io.OutputStream;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * The body of one client's request. The connection is not read from the arrival of the request until somebody takes the body, and then only as fast as
 * it is taken, so that a body of any length takes at most {@value BodyBuffer#MOST} bytes of memory. A client that expects to be told to continue is told
 * so when the first byte is wanted.
 *
 * <p>The states, all of them on the connection's event loop: held (nothing is read), wanted (it is read while there is room), and then ended or discarded
 * (the response is over, and what still arrives is dropped). One thread takes the body, which blocks; it must not be an event loop.
 *
 * <p>Vert.x's own {@code pause()} does not do: it keeps each part as an object, so that parts of one byte take a hundred times their bytes, and it
 * keeps without bound what Netty reads once a client has closed its side, which Netty reads to the end whatever it is told.
 */
public final class RequestBody implements PushBody {

    /** How the only expectation is written that there is. */
    static final String CONTINUE = "100-continue";

    /** If so few bytes are missing after the response, they are dropped and the connection goes on. */
    private static final long SMALL_REST = 64 * 1024;

    private final HttpServerRequest request;
    private final Channel channel;
    private final long length;
    private final BodyPace pace;
    private final BodyBuffer buffer = new BodyBuffer();
    private final AtomicBoolean begun = new AtomicBoolean();
    private volatile long written;
    /** Whether the client is too slow. */
    private volatile boolean stopped;

    /** Whether the client still waits to be told to continue. Belongs to the event loop, as do the fields after it. */
    private boolean isContinueExpected;
    private boolean wanted;
    private boolean ended;
    private boolean broken;
    private boolean discarded;

    private RequestBody(HttpServerRequest request, BodyPace.Times times) {
        this.request = request;
        this.channel = ((ConnectionBase) request.connection()).channel();
        this.length = lengthOf(request);
        this.pace = new BodyPace(times);
        this.isContinueExpected = length != 0 && request.version() == HttpVersion.HTTP_1_1 && CONTINUE.equalsIgnoreCase(request.getHeader(HttpHeaders.EXPECT));
    }

    /**
     * Holds the body of a request whose head has just arrived. Call it on the event loop, before anything else is done with the request.
     *
     * @param times what is asked of the client while somebody waits for its bytes
     */
    static void hold(HttpServerRequest request, BodyPace.Times times) {
        RequestBody body = new RequestBody(request, times);
        ClientConnection.of(request.connection()).hold(body);
        if (body.length != 0) {
            body.channel.config().setAutoRead(false);
        }
    }

    /**
     * Returns the body of a request that is not answered yet; null where it is not held, because it is not one that may push. For any thread.
     */
    public static RequestBody of(HttpServerRequest request) {
        ClientConnection connection = request.connection() instanceof ConnectionBase ? ClientConnection.of(request.connection()) : null;
        return connection == null ? null : connection.body();
    }

    /** Returns what the head of a request says of its body's length: 0 where it says nothing, -1 for chunks. The parser has refused what is no number. */
    static long lengthOf(HttpServerRequest request) {
        String announced = request.getHeader(HttpHeaders.CONTENT_LENGTH);
        return request.headers().contains(HttpHeaders.TRANSFER_ENCODING) ? -1 : announced == null ? 0 : Long.parseLong(announced);
    }

    @Override
    public long length() {
        return length;
    }

    @Override
    public long written() {
        return written;
    }

    @Override
    public void writeTo(OutputStream out) throws IOException {
        if (!begun.compareAndSet(false, true) && written > 0) {
            throw new IllegalStateException("the body was taken before");
        }
        onLoop(this::want);
        for (int count = next(); count >= 0; count = next()) {
            out.write(buffer.bytes(), buffer.offset(), count);
            written += count;
            if (buffer.release(count)) {
                onLoop(this::read);
            }
        }
    }

    /** Waits for the next bytes. Returns -1 at the end. */
    private int next() throws PushBodyException, InterruptedIOException {
        try {
            int count = buffer.await(0);
            while (count == 0) {
                long begin = System.nanoTime();
                count = buffer.await(pace.slice());
                pace.waited(System.nanoTime() - begin, buffer.arrived(), count != 0);
            }
            return count;
        } catch (PushBodyException e) {
            stopped = !e.isGone();
            throw e;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new InterruptedIOException("interrupted after " + written + " bytes of a body");
        }
    }

    private void onLoop(Runnable action) throws PushBodyException {
        try {
            channel.eventLoop().execute(action);
        } catch (RejectedExecutionException e) {
            throw gone("The mirror has stopped.");
        }
    }

    private static PushBodyException gone(String message) {
        return new PushBodyException(message, true);
    }

    private void want() {
        wanted = true;
        if (isContinueExpected && !discarded) {
            isContinueExpected = false;
            request.response().writeContinue();
        }
        read();
    }

    /** Reads the connection, if that is right now. */
    private void read() {
        if (discarded || wanted && !buffer.isPaused()) {
            channel.config().setAutoRead(true);
        }
    }

    /**
     * Takes bytes that have arrived. On the event loop.
     *
     * @return false if there is no room for them, which means that the client has closed its side and cannot get a response: otherwise nobody reads
     */
    boolean arrived(ByteBuf bytes) {
        isContinueExpected = false;
        if (discarded) {
            return true;
        }
        boolean kept = buffer.put(bytes);
        if (!wanted || buffer.isPaused()) {
            channel.config().setAutoRead(false);
        }
        return kept;
    }

    /** Says that the last byte has arrived. On the event loop. */
    void ends() {
        ended = true;
        buffer.end();
        // From now on only the end of the connection is waited for, and pipelined requests.
        channel.config().setAutoRead(true);
    }

    /** Says that what arrives cannot be read any more. On the event loop. */
    void breaks() {
        broken = true;
        buffer.fail(new PushBodyException("The body is malformed: its chunks cannot be told apart.", false));
    }

    /** Says that the connection is closed. On the event loop. */
    void leaves() {
        buffer.fail(gone("The client has left after " + buffer.arrived() + " bytes of the body."));
    }

    /** Drops all that still arrives: the response is over. On the event loop. */
    void discard() {
        if (!ended) {
            discarded = true;
            buffer.fail(gone("The request was answered before its body had ended."));
            channel.config().setAutoRead(true);
        }
    }

    /**
     * Returns whether so much is missing, or nobody knows how much, that the connection is to be closed after the response. A client that was not told to
     * continue may send the body or leave it out, so that nobody could say where its next request begins. On the event loop.
     *
     * @see <a href="https://www.rfc-editor.org/rfc/rfc9110#section-10.1.1">RFC 9110, Expect</a>
     */
    boolean isMuchMissing() {
        return !ended && (length < 0 || length - buffer.arrived() > SMALL_REST || isContinueExpected || stopped || broken);
    }

    @Override
    public String toString() {
        return "a body of " + length + " bytes (" + buffer + ")";
    }
}
