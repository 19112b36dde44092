package io.mirrorregistry.registry.http;

import java.io.IOException;
import java.net.Socket;
import javax.net.ssl.SSLSocket;
import org.apache.hc.client5.http.impl.io.DefaultHttpResponseParserFactory;
import org.apache.hc.client5.http.io.ManagedHttpClientConnection;
import org.apache.hc.core5.http.ClassicHttpRequest;
import org.apache.hc.core5.http.ClassicHttpResponse;
import org.apache.hc.core5.http.HttpException;
import org.apache.hc.core5.http.ProtocolException;
import org.apache.hc.core5.http.config.Http1Config;
import org.apache.hc.core5.http.impl.io.HttpRequestExecutor;
import org.apache.hc.core5.http.io.HttpClientConnection;
import org.apache.hc.core5.http.io.HttpMessageParser;
import org.apache.hc.core5.http.io.HttpMessageParserFactory;
import org.apache.hc.core5.http.io.HttpResponseInformationCallback;
import org.apache.hc.core5.http.protocol.HttpContext;
import org.apache.hc.core5.util.Timeout;

/**
 * Sees to it that what a registry sends beyond the end of an answer is not read as the answer to the next request, which may be
 * one for another image. The HTTP client does not look.
 *
 * @see <a href="https://www.rfc-editor.org/rfc/rfc9112#section-6.3">RFC 9112, Message Body Length</a>
 */
final class DesyncGuard {

    /** Of a TLS connection only reading tells; a shorter time cannot be waited. */
    private static final Timeout TLS_LOOK = Timeout.ofMilliseconds(1);

    private DesyncGuard() {
    }

    /** Something is left on a kept connection, which cannot be used any more. Nothing has been answered. */
    static final class LeftoverException extends IOException {

        private LeftoverException() {
            super("bytes are left of the answer before");
        }
    }

    /** Looks for what has come before a request goes out. */
    static final class Executor extends HttpRequestExecutor {

        @Override
        public ClassicHttpResponse execute(ClassicHttpRequest request, HttpClientConnection connection,
                HttpResponseInformationCallback callback, HttpContext context) throws IOException, HttpException {
            requireNothingLeft(connection);
            ClassicHttpResponse response = super.execute(request, connection, callback, context);
            if (response instanceof HeadLimits.Head head) {
                head.boundTrailers();
            }
            return response;
        }
    }

    /**
     * Looks for what has come before a request goes out.
     *
     * @throws LeftoverException when something has
     */
    static void requireNothingLeft(HttpClientConnection connection) throws IOException {
        boolean kept = connection.getEndpointDetails() != null && connection.getEndpointDetails().getRequestCount() > 0;
        if (kept && isSomethingLeft(connection)) {
            throw new LeftoverException();
        }
    }

    private static boolean isSomethingLeft(HttpClientConnection connection) throws IOException {
        Socket socket = connection instanceof ManagedHttpClientConnection managed ? managed.getSocket() : null;
        if (socket == null || socket instanceof SSLSocket) {
            return connection.isDataAvailable(TLS_LOOK);
        }
        return socket.getInputStream().available() > 0;
    }

    /** Looks for what was read already, together with the end of the answer before. */
    static final class Parsers implements HttpMessageParserFactory<ClassicHttpResponse> {

        private static final DefaultHttpResponseParserFactory PARSERS =
                new DefaultHttpResponseParserFactory(HeadLimits.LINES, null, new HeadLimits.Heads());

        private final boolean early;

        Parsers() {
            this(false);
        }

        /** @param early whether the beginning of a response may be read before the request is through: then nothing is looked for */
        Parsers(boolean early) {
            this.early = early;
        }

        /** @param ignored the HTTP client asks with its default limits, whatever its connections have */
        @Override
        public HttpMessageParser<ClassicHttpResponse> create(Http1Config ignored) {
            return guarded(PARSERS.create());
        }

        private HttpMessageParser<ClassicHttpResponse> guarded(HttpMessageParser<ClassicHttpResponse> parser) {
            // A final answer may come together with interim ones, for each of which there is a call.
            boolean[] interim = new boolean[1];
            boolean[] kept = new boolean[1];
            HeadLimits.Meter meter = new HeadLimits.Meter();
            return (buffer, in) -> {
                if (!early && !interim[0] && buffer.length() > 0) {
                    throw new LeftoverException();
                }
                ClassicHttpResponse head;
                try {
                    head = parser.parse(buffer, meter.begin(buffer, in));
                } catch (HttpException | IllegalArgumentException e) {
                    // What no answer begins with, after an answer, is what came late of that one.
                    if (!early && kept[0] && !interim[0]) {
                        throw new LeftoverException();
                    }
                    // The HTTP client refuses the status 000 as if the mirror had made it up.
                    throw e instanceof HttpException http ? http : new ProtocolException("a response with a status that is none", e);
                }
                kept[0] = true;
                interim[0] = head != null && head.getCode() < 200;
                meter.end(buffer, interim[0]);
                if (head instanceof HeadLimits.Head limited) {
                    limited.bodyFrom(buffer, in);
                }
                return head;
            };
        }
    }
}
