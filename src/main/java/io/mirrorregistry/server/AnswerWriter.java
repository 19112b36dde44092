package io.mirrorregistry.server;

import io.mirrorregistry.registry.CallContext;
import io.mirrorregistry.work.MemoryBudget;
import io.netty.buffer.Unpooled;
import io.vertx.core.Future;
import io.vertx.core.Promise;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpMethod;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.core.http.HttpServerResponse;
import io.vertx.ext.web.RoutingContext;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Map;
import org.apache.camel.Exchange;
import org.apache.camel.Message;
import org.apache.camel.spi.HeaderFilterStrategy;

/** Writes a message as the answer to a client. */
public final class AnswerWriter {

    /** What is larger is written in parts, as fast as the client takes them; the server would make a copy of the whole. */
    private static final int PART = 64 * 1024;
    /** A client that takes a large answer may take so long, and as much longer as it takes at so many bytes a millisecond. */
    private static final long LONGEST_MILLIS = 60_000;
    private static final int LEAST_BYTES_A_MILLISECOND = 100;

    /** Has no body, and no length either, which would be that of the manifest. */
    private static final Integer NOT_MODIFIED = 304;

    private AnswerWriter() {
    }

    /** The message is no answer: it has neither a status nor a body. */
    static final class NoAnswerException extends RuntimeException {

        private NoAnswerException() {
            super("neither a status nor a body", null, false, false);
        }
    }

    /**
     * Returns what completes when the answer has been taken by the network, or the client is gone. Call it on the event loop.
     *
     * @throws NoAnswerException when there is nothing to write; nothing has been written then
     */
    static Future<Void> write(RoutingContext request, Exchange exchange, HeaderFilterStrategy filter) {
        return write(request, exchange, filter, LONGEST_MILLIS);
    }

    static Future<Void> write(RoutingContext request, Exchange exchange, HeaderFilterStrategy filter, long longestMillis) {
        HttpServerResponse response = request.response();
        Message message = exchange.getMessage();
        Object status = message.getHeader(Exchange.HTTP_RESPONSE_CODE);
        // A length alone is the answer to a HEAD whose body has been dropped already.
        if (status == null && message.getBody() == null && message.getHeader(Exchange.CONTENT_LENGTH) == null) {
            throw new NoAnswerException();
        }
        ByteBuffer body = request.request().method() == HttpMethod.HEAD || NOT_MODIFIED.equals(status) ? null : body(message);
        if (body != null && body.remaining() > PART && !hasMemory(exchange, body)) {
            response.putHeader("Retry-After", "5");
            EdgeHandlers.unavailable(request.request(), "Other answers have the memory that this one needs; try again.");
            return Future.succeededFuture();
        }
        head(response, exchange, filter);
        if (body == null) {
            return response.end();
        }
        response.putHeader("Content-Length", String.valueOf(body.remaining()));
        if (body.remaining() <= PART) {
            // The network has a copy of its own: while the client takes its time, the exchange keeps nothing.
            message.setBody(null);
            return response.end(buffer(body));
        }
        return writeLarge(request, body, longestMillis);
    }

    /** Sets the status and the headers of the response. */
    private static void head(HttpServerResponse response, Exchange exchange, HeaderFilterStrategy filter) {
        Message message = exchange.getMessage();
        Object status = message.getHeader(Exchange.HTTP_RESPONSE_CODE);
        response.setStatusCode(status instanceof Integer code ? code : message.getHeader(Exchange.HTTP_RESPONSE_CODE, 200, Integer.class));
        for (Map.Entry<String, Object> header : message.getHeaders().entrySet()) {
            if (header.getValue() != null && !filter.applyFilterToCamelHeaders(header.getKey(), header.getValue(), exchange)) {
                if (header.getValue() instanceof List<?> values) {
                    response.putHeader(header.getKey(), values.stream().map(String::valueOf).toList());
                } else {
                    response.putHeader(header.getKey(), header.getValue().toString());
                }
            }
        }
        String type = message.getHeader(Exchange.CONTENT_TYPE, String.class);
        if (type != null) {
            response.putHeader("Content-Type", type);
        }
    }

    /** Writes an answer whose body is streamed. Call it on a worker, which it keeps for as long as the client takes. */
    static void stream(HttpServerRequest request, Exchange exchange, HeaderFilterStrategy filter, StreamedBody body) {
        HttpServerResponse response = request.response();
        head(response, exchange, filter);
        if (body.length() >= 0) {
            response.putHeader("Content-Length", String.valueOf(body.length()));
        } else {
            response.setChunked(true);
        }
        if (request.method() == HttpMethod.HEAD) {
            response.end();
        } else {
            body.send();
        }
    }

    /**
     * Sets the status and the headers of the response, and writes the body if it is streamed; a body in memory is left in the message.
     *
     * @param request nobody has sent it
     * @param filter decides which headers go out
     */
    public static void rehearse(HttpServerRequest request, Exchange exchange, HeaderFilterStrategy filter) {
        if (exchange.getMessage().getBody() instanceof StreamedBody body) {
            stream(request, exchange, filter, body);
        } else {
            head(request.response(), exchange, filter);
        }
    }

    /** A body that others do not share was paid for when it was read. */
    private static boolean hasMemory(Exchange exchange, ByteBuffer body) {
        MemoryBudget.Share share = CallContext.of(exchange).share();
        return share == null || !body.hasArray() || share.hold(body.array());
    }

    private static Future<Void> writeLarge(RoutingContext request, ByteBuffer body, long longestMillis) {
        HttpServerResponse response = request.response();
        ClientConnection connection = ClientConnection.of(request.request().connection());
        long timer = request.vertx().setTimer(longestMillis + body.remaining() / LEAST_BYTES_A_MILLISECOND, late -> connection.close());
        Promise<Void> written = Promise.promise();
        request.addEndHandler(ended -> {
            if (ended.failed()) {
                written.tryFail(ended.cause());
            }
        });
        writeParts(response, body, written);
        return written.future().onComplete(done -> request.vertx().cancelTimer(timer));
    }

    private static void writeParts(HttpServerResponse response, ByteBuffer rest, Promise<Void> written) {
        while (rest.hasRemaining()) {
            if (response.writeQueueFull()) {
                response.drainHandler(drained -> writeParts(response, rest, written));
                return;
            }
            int length = Math.min(PART, rest.remaining());
            response.write(buffer(rest.slice(rest.position(), length)));
            rest.position(rest.position() + length);
        }
        response.end().onComplete(ended -> written.tryComplete());
    }

    /** A body that is not one of the mirror's own, such as a text that a route has set, is converted. */
    private static ByteBuffer body(Message message) {
        if (message.getBody() instanceof ByteBuffer buffer) {
            return buffer.duplicate();
        }
        byte[] bytes = message.getBody(byte[].class);
        return bytes == null ? ByteBuffer.allocate(0) : ByteBuffer.wrap(bytes);
    }

    /** Shares the bytes. */
    private static Buffer buffer(ByteBuffer bytes) {
        return Buffer.buffer(Unpooled.wrappedBuffer(bytes));
    }
}
