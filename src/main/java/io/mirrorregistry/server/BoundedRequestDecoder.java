package io.mirrorregistry.server;

import io.netty.buffer.ByteBuf;
import io.netty.channel.ChannelHandlerContext;
import io.netty.handler.codec.TooLongFrameException;
import io.netty.handler.codec.http.DefaultHttpRequest;
import io.netty.handler.codec.http.HttpMessage;
import io.netty.handler.codec.http.HttpMethod;
import io.netty.handler.codec.http.HttpVersion;
import io.netty.handler.codec.http.LastHttpContent;
import io.vertx.core.http.HttpServerOptions;
import io.vertx.core.http.impl.HttpUtils;
import io.vertx.core.http.impl.VertxHttpRequestDecoder;
import io.vertx.core.http.impl.headers.HeadersMultiMap;
import java.util.List;
import java.util.function.BiConsumer;

/**
 * Vert.x's decoder of requests with a bound on the number of header lines, which neither Netty nor Vert.x has. It tells its
 * {@link ClientConnection} when a head begins, and how much memory it takes while it arrives. Runs on the connection's event loop.
 */
final class BoundedRequestDecoder extends VertxHttpRequestDecoder {

    /** The line before a chunk is short, and nobody sends header lines after a body. Each takes many times its bytes until all are there. */
    private static final int MOST_BETWEEN_PARTS = 4 * 1024;

    private final int mostLines;
    private final ClientConnection connection;
    private final BiConsumer<CharSequence, CharSequence> validator = this::validate;
    /** Lines and bytes parsed of the head that is arriving; 0 between heads. */
    private int lines;
    private long parsed;
    /** Whether the bytes that follow belong to a body, or to nothing after a message that is malformed. */
    private boolean inBody;
    /** Bytes parsed of the body since a part of it was last passed on: of the line before a chunk, or of the lines after the last one. */
    private long parsedOfBody;
    /** Whether a body is malformed. What follows is dropped, and the connection is closed after the response, which a worker may still have to write. */
    private boolean bodyFailed;

    BoundedRequestDecoder(HttpServerOptions options, int mostLines, ClientConnection connection) {
        super(options);
        this.mostLines = mostLines;
        this.connection = connection;
    }

    @Override
    protected void decode(ChannelHandlerContext context, ByteBuf in, List<Object> out) throws Exception {
        int messages = out.size();
        if (inBody) {
            decodeBody(context, in, out);
        } else {
            decodeHead(context, in, out);
        }
        if (out.size() > messages) {
            inBody = !(out.get(out.size() - 1) instanceof LastHttpContent last) || last.decoderResult().isFailure();
        }
    }

    private void decodeBody(ChannelHandlerContext context, ByteBuf in, List<Object> out) throws Exception {
        int before = in.readableBytes();
        int messages = out.size();
        super.decode(context, in, out);
        if (bodyFailed) {
            return;
        }
        if (out.size() > messages) {
            bodyFailed = out.get(out.size() - 1) instanceof LastHttpContent last && last.decoderResult().isFailure();
        }
        int parsed = before - in.readableBytes();
        parsedOfBody = out.size() > messages ? 0 : parsedOfBody + parsed;
        // What is not parsed at all is the beginning of a line.
        if (out.size() == messages && parsedOfBody + (parsed == 0 ? before : 0) > MOST_BETWEEN_PARTS) {
            parsedOfBody = 0;
            context.close();
        }
    }

    private void decodeHead(ChannelHandlerContext context, ByteBuf in, List<Object> out) throws Exception {
        lines += lines(in);
        int before = in.readableBytes();
        int messages = out.size();
        super.decode(context, in, out);
        parsed += before - in.readableBytes();
        long memory = (long) lines * HeadMemory.LINE_BYTES + 2 * parsed;
        if (out.size() > messages) {
            connection.headEnds(memory);
            lines = 0;
            parsed = 0;
        } else {
            connection.headBegins();
            // Bytes that are not parsed yet keep the whole receive buffer.
            connection.headGrows(in.isReadable() ? memory + in.capacity() : memory);
            if (lines > mostLines + 1) {
                // Folded lines continue one header, and the validator below runs only at the end of a header.
                context.close();
            }
        }
    }

    /**
     * Returns the number of lines of the current head that are whole in the buffer. The superclass takes each of them in the call that
     * follows, so that no line is counted twice.
     */
    private int lines(ByteBuf in) {
        int count = 0;
        int start = in.readerIndex();
        int end = in.writerIndex();
        while (lines + count <= mostLines + 1) {
            int feed = in.indexOf(start, end, (byte) '\n');
            if (feed < 0) {
                break;
            }
            boolean empty = feed == start || feed == start + 1 && in.getByte(start) == '\r';
            if (empty && lines + count > 0) {
                break;
            }
            // Empty lines before a request are passed over.
            count += empty ? 0 : 1;
            start = feed + 1;
        }
        return count;
    }

    @Override
    protected HttpMessage createMessage(String[] initialLine) {
        return new DefaultHttpRequest(HttpVersion.valueOf(initialLine[2]), HttpMethod.valueOf(initialLine[0]), initialLine[1],
                new HeadersMultiMap(validator));
    }

    private void validate(CharSequence name, CharSequence value) {
        // The first line is the request line.
        if (lines > mostLines + 1) {
            throw new TooLongFrameException("more than " + mostLines + " header lines");
        }
        HttpUtils.validateHeader(name, value);
    }
}
