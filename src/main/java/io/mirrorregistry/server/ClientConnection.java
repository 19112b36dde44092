package io.mirrorregistry.server;

import io.mirrorregistry.protocol.ErrorCode;
import io.mirrorregistry.protocol.MediaTypes;
import io.mirrorregistry.work.FatalErrors;
import io.netty.buffer.ByteBufHolder;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelDuplexHandler;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelPipeline;
import io.netty.channel.ChannelPromise;
import io.netty.channel.FileRegion;
import io.netty.handler.codec.http.HttpContent;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpHeaderValues;
import io.netty.handler.codec.http.HttpRequest;
import io.netty.handler.codec.http.HttpResponse;
import io.netty.handler.codec.http.HttpUtil;
import io.netty.handler.codec.http.LastHttpContent;
import io.netty.handler.stream.ChunkedInput;
import io.netty.util.AttributeKey;
import io.netty.util.ReferenceCountUtil;
import io.vertx.core.http.HttpConnection;
import io.vertx.core.http.HttpServerOptions;
import io.vertx.core.net.impl.ConnectionBase;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.Queue;

/**
 * One connection of a client, from the accept on: its state, since when, the memory of its request heads, and the bytes that wait for
 * the client. {@link ConnectionLimits} closes it when it stays in one state for too long.
 *
 * <p>It is the handler between the decoder and Vert.x. It passes one request at a time to Vert.x; a pipelined request waits here until the
 * network has taken the response before it. All methods run on the connection's event loop unless they say otherwise; other threads read
 * the volatile fields only.
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

    /** Requests to pull have no bodies; so many bytes of them may wait on one connection. */
    private static final int MOST_LATER_BYTES = 64 * 1024;

    /** After the last response of a connection so many bytes of the request are dropped; then the client has to wait until it is closed. */
    private static final long MOST_DROPPED = 64 * 1024 * 1024;

    /** Of a file, so many bytes have to be taken to count as progress. Other parts are about as large. */
    private static final int LEAST_PROGRESS = 64 * 1024;

    private static final long UNKNOWN = Long.MAX_VALUE;

    /** Is called at the end of a response. */
    interface ResponseEnd {

        /**
         * The response has ended. Runs on the event loop.
         *
         * @param whole whether the network has taken all bytes of the response. If not, the connection is closed, or will be
         * @param bytes how many bytes of the body the network has taken; of the part at which the connection broke, none are counted
         */
        void ended(boolean whole, long bytes);
    }

    /** The state of a connection. */
    enum State {
        /** No request is under way, and no byte of a request has arrived. */
        IDLE,
        /** A request head, or the rest of a request body that is dropped, is arriving, and no response is under way. */
        ARRIVING,
        /** A request waits for its response, or the response is on its way. */
        BUSY,
        /**
         * The client has the last response, and may still send the body of its request, which is dropped. If it were closed at once, the client's system
         * might drop the response before the client has read it.
         *
         * @see <a href="https://www.rfc-editor.org/rfc/rfc9112#section-9.6">RFC 9112, Tear-down</a>
         */
        LEAVING
    }

    private final Channel channel;
    private final ConnectionLimits limits;
    private volatile State state = State.IDLE;
    private volatile long since;
    /** 0 or 1, but for a moment: the request that the server works on. */
    private int unanswered;
    private boolean headArriving;
    private boolean bodyArriving;
    /** The body of the current request if somebody may want it; null if it is dropped. */
    private volatile RequestBody body;
    /** How many bytes of the current request's body have arrived. */
    private long received;
    /** Whether the current response is the last, because too much of its request is missing. */
    private boolean leaving;
    private long dropped;
    private boolean over;
    private boolean closed;
    private volatile boolean closing;
    /** Bytes charged to the {@link HeadMemory}: of the head that is arriving, of the current request, and of all pipelined ones. */
    private volatile long arrivingBytes;
    private long currentBytes;
    private volatile long pipelinedBytes;
    /** The charge of the request that the decoder passes on next. */
    private long decodedBytes;
    /** Pipelined requests, as the decoder's messages, that wait for the response to the current one. */
    private final Queue<Object> later = new ArrayDeque<>(0);
    /** The charges of those requests, in their order. */
    private final Queue<Long> laterHeads = new ArrayDeque<>(0);
    private int laterBytes;
    /** Is called once at the end of the current response; null before its request is known, and after that call. */
    private ResponseEnd whenEnded;
    /** Body bytes of all responses so far that were handed to the network, and those of them that it has taken. */
    private long queuedBody;
    private long takenBody;
    /** The values of {@link #queuedBody} at the begin of the current response, and at its end if it has announced a length. */
    private long bodyBegin;
    private long bodyEnd = UNKNOWN;
    private volatile int unsent;
    /** The file that is being sent; null for none. */
    private volatile Object file;
    private long takenOfFile;
    private volatile long taken;
    private volatile long progressSince;

    ClientConnection(Channel channel, ConnectionLimits limits) {
        this.channel = channel;
        this.limits = limits;
        this.since = System.nanoTime();
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

    /** Returns the heap bytes of the head that is arriving, if no response is under way; 0 otherwise. */
    long arrivingAlone() {
        return state == State.BUSY || !headArriving ? 0 : arrivingBytes;
    }

    /** Returns the heap bytes of heads behind a request that is not answered yet. */
    long behindCurrent() {
        return state == State.BUSY ? pipelinedBytes + arrivingBytes : 0;
    }

    State state() {
        return state;
    }

    /** Returns the {@link System#nanoTime()} since when it has been in its state. */
    long since() {
        return since;
    }

    /**
     * Closes the connection for a new one, unless it has become busy in the meantime. For any thread.
     *
     * @param stalledFor a busy one is closed if the network has taken nothing for so many nanoseconds
     */
    void closeForAnother(long stalledFor) {
        closing = true;
        channel.eventLoop().execute(() -> {
            if (state != State.BUSY || isStalled(stalledFor)) {
                close();
            } else {
                closing = false;
            }
        });
    }

    /** Returns whether it is about to be closed for a new one. */
    boolean isClosing() {
        return closing;
    }

    /** Returns whether the network has to take something and has taken nothing for so many nanoseconds. */
    boolean isStalled(long nanos) {
        return isSending() && System.nanoTime() - progressSince > nanos;
    }

    /** Closes the connection at once and discards bytes that the client has not taken. For any thread. */
    void close() {
        ChannelHandlerContext context = channel.pipeline().context(this);
        if (context == null) {
            channel.close();
        } else {
            // From here on: Vert.x, behind this handler, would flush before it closes.
            context.close();
        }
    }

    /** Has the current request's body wait for somebody who takes it. */
    void hold(RequestBody held) {
        body = held;
    }

    /** Returns the current request's body; null if it is not held. For any thread. */
    RequestBody body() {
        return body;
    }

    /** Returns how many bytes of the current request's body have arrived so far. */
    long received() {
        return received;
    }

    /** Drops all bytes that still arrive: nobody can say where the next request begins. */
    void giveUp() {
        over = true;
    }

    /** Returns whether arriving bytes are dropped. */
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
        charge(bytes);
    }

    /** @param bytes what the head takes until its request is answered */
    void headEnds(long bytes) {
        headArriving = false;
        charge(bytes);
        decodedBytes = arrivingBytes;
        arrivingBytes = 0;
    }

    /** Charges the head that is arriving. This may close connections, this one among them, whose charge is given back then. */
    private void charge(long bytes) {
        if (closed) {
            // After the close the decoder parses its remaining bytes once more.
            return;
        }
        long more = bytes - arrivingBytes;
        arrivingBytes = bytes;
        if (limits.heads().add(more) && more > 0) {
            limits.closeOldestHeads();
        }
    }

    /** Enters the state that the connection is in now; the time begins anew where it is another. */
    private void rest() {
        enter(unanswered > 0 ? State.BUSY : headArriving || bodyArriving ? State.ARRIVING : State.IDLE);
    }

    private void enter(State next) {
        if (next != state && state != State.LEAVING) {
            since = System.nanoTime();
            state = next;
        }
    }

    @Override
    public void channelRead(ChannelHandlerContext context, Object message) {
        boolean request = message instanceof HttpRequest;
        long headBytes = request ? takeDecoded() : 0;
        if (over) {
            limits.heads().add(-headBytes);
            drop(context, message);
        } else if (!later.isEmpty() || request && unanswered > 0) {
            keepForLater(context, message, headBytes);
        } else {
            read(context, message, headBytes);
        }
    }

    /** Returns the charge of a request once: the decoder passes on half a head as a request as well when the connection ends, and that has none. */
    private long takeDecoded() {
        long bytes = decodedBytes;
        decodedBytes = 0;
        return bytes;
    }

    private void drop(ChannelHandlerContext context, Object message) {
        dropped += size(message);
        ReferenceCountUtil.release(message);
        if (state != State.LEAVING) {
            return;
        }
        if (message instanceof LastHttpContent last && last.decoderResult().isSuccess()) {
            context.close();
        } else if (dropped > MOST_DROPPED) {
            channel.config().setAutoRead(false);
        }
    }

    /**
     * Keeps a request that was sent before the response to the one before it: only one response at a time waits for the client.
     *
     * @param headBytes the charge of the request, where the message is one
     */
    private void keepForLater(ChannelHandlerContext context, Object message, long headBytes) {
        later.add(message);
        laterBytes += size(message);
        if (message instanceof HttpRequest) {
            laterHeads.add(headBytes);
            pipelinedBytes += headBytes;
        }
        if (laterHeads.size() >= limits.maxPipelined() || laterBytes > MOST_LATER_BYTES || limits.heads().exceeded()) {
            over = true;
            context.close();
        }
    }

    /** @param headBytes the charge of the request, where the message is one */
    private void read(ChannelHandlerContext context, Object message, long headBytes) {
        boolean request = message instanceof HttpRequest;
        if (request) {
            bodyArriving = true;
            unanswered++;
            currentBytes = headBytes;
            body = null;
            received = 0;
        }
        received += size(message);
        if (message instanceof LastHttpContent last && last.decoderResult().isSuccess()) {
            bodyArriving = false;
        }
        rest();
        if (request && headBytes > HeadMemory.SMALL_BYTES && limits.heads().exceeded()) {
            over = true;
            ReferenceCountUtil.release(message);
            sending(NO_MEMORY.length);
            limits.unsent(NO_MEMORY.length);
            // Before the encoder, which takes no bytes.
            context.pipeline().context(ENCODER).writeAndFlush(Unpooled.wrappedBuffer(NO_MEMORY)).addListener(written -> {
                taken(NO_MEMORY.length, false, false);
                context.close();
            });
        } else if (body != null && message instanceof HttpContent part) {
            readBody(context, part);
        } else {
            context.fireChannelRead(message);
        }
    }

    private void readBody(ChannelHandlerContext context, HttpContent part) {
        RequestBody held = body;
        try {
            if (!part.decoderResult().isSuccess()) {
                over = true;
                held.breaks();
                return;
            }
            if (!held.arrived(part.content())) {
                over = true;
                held.leaves();
                context.close();
                return;
            }
        } finally {
            part.release();
        }
        if (part instanceof LastHttpContent) {
            held.ends();
            if (unanswered == 0) {
                body = null;
            }
            context.fireChannelRead(LastHttpContent.EMPTY_LAST_CONTENT);
        }
    }

    /** Goes on with the next request that was kept, if there is one. */
    private void readLater() {
        ChannelHandlerContext context = channel.pipeline().context(this);
        while (!later.isEmpty() && context != null && !over && (unanswered == 0 || !(later.peek() instanceof HttpRequest))) {
            Object message = later.remove();
            long headBytes = message instanceof HttpRequest ? laterHeads.remove() : 0;
            pipelinedBytes -= headBytes;
            laterBytes -= size(message);
            read(context, message, headBytes);
        }
        if (context != null) {
            // Vert.x flushes responses at the end of a read.
            context.fireChannelReadComplete();
        }
    }

    private static int size(Object message) {
        return message instanceof ByteBufHolder holder ? holder.content().readableBytes() : 0;
    }

    private static byte[] noMemory() {
        String body = ErrorBody.of(ErrorCode.UNAVAILABLE, "The mirror has no memory for more requests; try again.", null).toString();
        return ("HTTP/1.1 503 Service Unavailable\r\nDocker-Distribution-Api-Version: registry/2.0\r\nContent-Type: " + MediaTypes.JSON
                + "\r\nRetry-After: 5\r\nConnection: close\r\nContent-Length: " + body.length() + "\r\n\r\n" + body)
                .getBytes(StandardCharsets.US_ASCII);
    }

    /**
     * Sets what is called at the end of the response to the current request.
     *
     * <p>The response is whole once the network has taken its last byte, whichever is known first: its end or the close of the connection. A
     * client may close the connection as soon as it has the bytes that Content-Length announces, before the server has noted the end. Bytes that
     * are only queued when the connection closes never reach the client.
     */
    void whenEnded(ResponseEnd action) {
        whenEnded = action;
        bodyBegin = queuedBody;
    }

    private void ended(boolean whole) {
        ResponseEnd action = whenEnded;
        if (action != null) {
            whenEnded = null;
            action.ended(whole, takenBody - bodyBegin);
        }
    }

    @Override
    public void write(ChannelHandlerContext context, Object message, ChannelPromise promise) {
        // An interim response, such as 100, is a whole message too.
        boolean interim = message instanceof HttpResponse head && head.status().code() < 200;
        boolean last = message instanceof LastHttpContent && !interim;
        if (message instanceof HttpResponse head && !interim) {
            bodyBegin = queuedBody;
            bodyEnd = last ? UNKNOWN : bodyBegin + HttpUtil.getContentLength(head, UNKNOWN - bodyBegin);
            if (body != null && body.isMuchMissing()) {
                leaving = true;
                head.headers().set(HttpHeaderNames.CONNECTION, HttpHeaderValues.CLOSE);
            }
        }
        boolean isFile = message instanceof FileRegion || message instanceof ChunkedInput<?>;
        int body = size(message);
        // An end without bytes waits for the network too.
        int bytes = last ? Math.max(1, body) : body;
        if (bytes == 0 && !isFile) {
            context.write(message, promise);
            return;
        }
        sending(bytes);
        if (isFile) {
            file = message;
            takenOfFile = 0;
        }
        queuedBody += isFile ? length(message) : body;
        long end = queuedBody;
        context.write(message, promise.unvoid().addListener(written -> {
            bodyTaken(written.isSuccess() ? end : isFile ? end - length(message) + progress(message) : 0);
            boolean complete = written.isSuccess() && (takenBody >= bodyEnd || bodyEnd == UNKNOWN);
            if (complete && (last || bodyEnd != UNKNOWN)) {
                ended(true);
            }
            if (last && !complete) {
                // The client would take the next response for the rest of this one.
                over = true;
                context.close();
            }
            taken(bytes, isFile, last);
        }));
        limits.unsent(bytes);
    }

    /** The network takes bytes in their order, but Netty may tell of some after those that follow them. */
    private void bodyTaken(long until) {
        takenBody = Math.max(takenBody, until);
    }

    private void sending(int bytes) {
        if (unsent == 0 && file == null) {
            progressed(0);
        }
        unsent += bytes;
    }

    /** The network has taken a part of the response, or all that was left of it. */
    private void taken(int bytes, boolean isFile, boolean last) {
        unsent -= bytes;
        limits.unsent(-bytes);
        if (isFile) {
            look();
            file = null;
        }
        progressed(bytes);
        if (last) {
            taken = 0;
            unanswered--;
            limits.heads().add(-currentBytes);
            currentBytes = 0;
            leaveBody();
            rest();
            if (!later.isEmpty()) {
                // Vert.x may still be in the middle of the response that has just gone out. It would keep the next request, and its body, for later.
                channel.eventLoop().execute(this::readLater);
            }
        }
    }

    /** The response is over: nobody wants the rest of the request's body. */
    private void leaveBody() {
        if (body == null) {
            return;
        }
        if (leaving && !bodyArriving) {
            close();
        } else if (leaving) {
            over = true;
            enter(State.LEAVING);
        }
        body.discard();
        if (!bodyArriving) {
            body = null;
        }
    }

    private void progressed(long bytes) {
        taken += bytes;
        progressSince = System.nanoTime();
    }

    /** Counts the bytes of a file that the network has taken since the last call, if they are enough to be progress. No event tells of them. */
    void look() {
        long now = progress(file);
        if (now - takenOfFile >= LEAST_PROGRESS) {
            progressed(now - takenOfFile);
            takenOfFile = now;
        }
    }

    private static long length(Object file) {
        return file instanceof FileRegion region ? region.count() : ((ChunkedInput<?>) file).length();
    }

    /** Returns how many bytes of a file the network has taken; 0 for anything else. */
    private static long progress(Object file) {
        return file instanceof FileRegion region ? region.transferred() : file instanceof ChunkedInput<?> chunks ? chunks.progress() : 0;
    }

    /** Returns how many bytes of the response that is under way the network has taken, to within some ten kilobytes. For any thread. */
    long taken() {
        return taken;
    }

    /** Returns how many bytes of a response are written and not taken yet; files do not count. */
    int unsent() {
        return unsent;
    }

    /** Returns whether the network has to take something. */
    boolean isSending() {
        return unsent > 0 || file != null;
    }

    /** Returns the {@link System#nanoTime()} since when the network has taken next to nothing, if {@link #isSending()}. */
    long progressSince() {
        return progressSince;
    }

    /** Gives back what the connection holds once it is closed. */
    void closed() {
        closed = true;
        over = true;
        if (body != null) {
            body.leaves();
        }
        if (file != null) {
            bodyTaken(queuedBody - length(file) + progress(file));
        }
        // Netty may still have to tell of bytes that the network has taken.
        channel.eventLoop().execute(() -> ended(false));
        limits.heads().add(-arrivingBytes - currentBytes - pipelinedBytes);
        arrivingBytes = 0;
        currentBytes = 0;
        pipelinedBytes = 0;
        later.forEach(ReferenceCountUtil::release);
        later.clear();
        laterHeads.clear();
    }

    @Override
    public void exceptionCaught(ChannelHandlerContext context, Throwable failure) {
        FatalErrors.check(failure);
        context.fireExceptionCaught(failure);
    }
}
