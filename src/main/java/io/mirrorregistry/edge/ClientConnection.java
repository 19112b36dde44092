package io.mirrorregistry.edge;

import io.mirrorregistry.protocol.ErrorCode;
import io.mirrorregistry.protocol.MediaTypes;
import io.mirrorregistry.work.FatalErrors;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelDuplexHandler;
import io.netty.channel.ChannelFutureListener;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelPipeline;
import io.netty.channel.ChannelPromise;
import io.netty.handler.codec.http.HttpRequest;
import io.netty.handler.codec.http.HttpResponse;
import io.netty.handler.codec.http.LastHttpContent;
import io.netty.util.AttributeKey;
import io.netty.util.ReferenceCountUtil;
import io.vertx.core.http.HttpConnection;
import io.vertx.core.http.HttpServerOptions;
import io.vertx.core.net.impl.ConnectionBase;
import java.nio.charset.StandardCharsets;

/**
 * One connection of a client, from when it is accepted: what it is doing, since when, and how much memory its request heads take.
 * {@link ConnectionLimits} closes it where it does one thing for too long.
 *
 * <p>It stands in the pipeline between the decoder and Vert.x. All of it runs on the connection's event loop; only the volatile fields
 * are read from other threads.
 *
 * @see <a href="https://www.rfc-editor.org/rfc/rfc9112#section-9.3.2">RFC 9112, Pipelining</a>
 */
final class ClientConnection extends ChannelDuplexHandler {

    private static final AttributeKey<ClientConnection> KEY = AttributeKey.valueOf("mirror.connection");
    /** Vert.x's names for its handlers. */
    private static final String DECODER = "httpDecoder";
    private static final String ENCODER = "httpEncoder";
    private static final String SERVER = "handler";
    private static final byte[] NO_MEMORY = noMemory();

    /** What a connection is doing. */
    enum State {
        /** Nothing: no request is under way and no byte of one has come. */
        IDLE,
        /** A request's head, or the rest of a body that nobody needs, is arriving and nothing else is under way. */
        ARRIVING,
        /** A request waits for its response, or the response is on its way. */
        BUSY
    }

    private final Channel channel;
    private final ConnectionLimits limits;
    private volatile State state = State.IDLE;
    private volatile long since = System.nanoTime();
    private int unanswered;
    private boolean headArriving;
    private boolean bodyArriving;
    private boolean over;
    private boolean closed;
    /** Bytes charged to the {@link HeadMemory}: of the head that is arriving, and of requests that are not answered yet. */
    private long arrivingBytes;
    private long waitingBytes;
    private long lastHeadBytes;

    ClientConnection(Channel channel, ConnectionLimits limits) {
        this.channel = channel;
        this.limits = limits;
        channel.attr(KEY).set(this);
    }

    /** Returns the connection that a request of Vert.x came on. */
    static ClientConnection of(HttpConnection connection) {
        return ((ConnectionBase) connection).channel().attr(KEY).get();
    }

    /** Puts this into a pipeline that speaks HTTP by now, with the decoder that has all limits. */
    void install(HttpServerOptions options, int mostHeaderLines) {
        ChannelPipeline pipeline = channel.pipeline();
        pipeline.replace(DECODER, DECODER, new BoundedRequestDecoder(options, mostHeaderLines, this));
        pipeline.addBefore(SERVER, "connection", this);
    }

    /** Returns whether a request head is arriving, be it alone or behind requests that are not answered yet. */
    boolean isHeadArriving() {
        return headArriving;
    }

    State state() {
        return state;
    }

    /** Returns the {@link System#nanoTime()} since when it has been in its state. */
    long since() {
        return since;
    }

    Channel channel() {
        return channel;
    }

    /** Has everything that still arrives dropped: nobody can say where the next request begins. */
    void giveUp() {
        over = true;
    }

    /** Returns whether what arrives is dropped. */
    boolean isOver() {
        return over;
    }

    void headBegins() {
        if (!headArriving) {
            headArriving = true;
            rest();
        }
    }

    /** @param bytes what the head takes by now */
    void headGrows(long bytes) {
        charge(bytes - arrivingBytes);
        arrivingBytes = closed ? 0 : bytes;
    }

    /** @param bytes what the head takes until its request is answered */
    void headEnds(long bytes) {
        lastHeadBytes = bytes;
        headArriving = false;
        charge(bytes - arrivingBytes);
        arrivingBytes = 0;
        waitingBytes += closed ? 0 : bytes;
    }

    private void charge(long bytes) {
        if (closed) {
            // The decoder looks at what is left once more.
            return;
        }
        if (limits.heads().add(bytes) && bytes > 0) {
            limits.closeOldestHeads();
        }
    }

    /** Enters the state that the connection is in now; the time begins anew where it is another. */
    private void rest() {
        enter(unanswered > 0 ? State.BUSY : headArriving || bodyArriving ? State.ARRIVING : State.IDLE);
    }

    private void enter(State next) {
        if (next != state) {
            since = System.nanoTime();
            state = next;
        }
    }

    @Override
    public void channelRead(ChannelHandlerContext context, Object message) {
        boolean request = message instanceof HttpRequest;
        if (request) {
            bodyArriving = true;
            unanswered++;
        }
        if (message instanceof LastHttpContent) {
            bodyArriving = false;
        }
        rest();
        if (over) {
            ReferenceCountUtil.release(message);
        } else if (request && unanswered > limits.maxPipelined()) {
            refuse(message);
            context.close();
        } else if (request && lastHeadBytes > HeadMemory.SMALL_BYTES && limits.heads().exceeded()) {
            refuse(message);
            if (unanswered == 1) {
                // Before the encoder, which takes no bytes.
                context.pipeline().context(ENCODER).writeAndFlush(Unpooled.wrappedBuffer(NO_MEMORY)).addListener(ChannelFutureListener.CLOSE);
            } else {
                context.close();
            }
        } else {
            context.fireChannelRead(message);
        }
    }

    private static byte[] noMemory() {
        String body = ErrorBody.of(ErrorCode.UNAVAILABLE, "The mirror has no memory for more requests; try again.", null).toString();
        return ("HTTP/1.1 503 Service Unavailable\r\nDocker-Distribution-Api-Version: registry/2.0\r\nContent-Type: " + MediaTypes.JSON
                + "\r\nRetry-After: 5\r\nConnection: close\r\nContent-Length: " + body.length() + "\r\n\r\n" + body)
                .getBytes(StandardCharsets.US_ASCII);
    }

    private void refuse(Object message) {
        over = true;
        ReferenceCountUtil.release(message);
    }

    @Override
    public void write(ChannelHandlerContext context, Object message, ChannelPromise promise) {
        // An interim response, such as 100, is a whole message too.
        if (message instanceof LastHttpContent && !(message instanceof HttpResponse head && head.status().code() < 200)) {
            context.write(message, promise.unvoid().addListener(taken -> answered()));
        } else {
            context.write(message, promise);
        }
    }

    /** The network has taken the whole response. */
    private void answered() {
        if (--unanswered == 0) {
            limits.heads().add(-waitingBytes);
            waitingBytes = 0;
        }
        rest();
    }

    /** Gives back what the connection holds once it is closed. */
    void closed() {
        closed = true;
        limits.heads().add(-arrivingBytes - waitingBytes);
        arrivingBytes = 0;
        waitingBytes = 0;
    }

    @Override
    public void exceptionCaught(ChannelHandlerContext context, Throwable failure) {
        FatalErrors.check(failure);
        context.fireExceptionCaught(failure);
    }
}
