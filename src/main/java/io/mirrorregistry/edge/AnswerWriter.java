package io.mirrorregistry.edge;

import io.netty.buffer.Unpooled;
import io.vertx.core.Future;
import io.vertx.core.Promise;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpMethod;
import io.vertx.core.http.HttpServerResponse;
import io.vertx.ext.web.RoutingContext;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Map;
import org.apache.camel.Exchange;
import org.apache.camel.Message;
import org.apache.camel.spi.HeaderFilterStrategy;

/** Writes a message as the answer to a client. */
final class AnswerWriter {

    /** What is larger is written in parts, as fast as the client takes them; the server would make a copy of the whole. */
    private static final int PART = 64 * 1024;

    private AnswerWriter() {
    }

    /** Returns what completes when the answer has been taken by the network, or the client is gone. Call it on the event loop. */
    static Future<Void> write(RoutingContext request, Exchange exchange, HeaderFilterStrategy filter) {
        HttpServerResponse response = request.response();
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
        if (request.request().method() == HttpMethod.HEAD) {
            return response.end();
        }
        ByteBuffer body = body(message);
        response.putHeader("Content-Length", String.valueOf(body.remaining()));
        if (body.remaining() <= PART) {
            return response.end(buffer(body));
        }
        Promise<Void> written = Promise.promise();
        request.addEndHandler(ended -> {
            if (ended.failed()) {
                written.tryFail(ended.cause());
            }
        });
        writeParts(response, body, written);
        return written.future();
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
