package io.mirrorregistry.registry.http;

import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import org.apache.hc.core5.http.ClassicHttpResponse;
import org.apache.hc.core5.http.ConnectionClosedException;
import org.apache.hc.core5.http.HttpEntity;
import org.apache.hc.core5.http.HttpResponseFactory;
import org.apache.hc.core5.http.MessageConstraintException;
import org.apache.hc.core5.http.config.Http1Config;
import org.apache.hc.core5.http.impl.io.ChunkedInputStream;
import org.apache.hc.core5.http.io.HttpTransportMetrics;
import org.apache.hc.core5.http.io.SessionInputBuffer;
import org.apache.hc.core5.http.io.entity.HttpEntityWrapper;
import org.apache.hc.core5.http.message.BasicClassicHttpResponse;
import org.apache.hc.core5.util.CharArrayBuffer;

/**
 * The limits of a response's head: {@value #MOST_LINES} header lines, and {@value #MOST_BYTES} bytes in all, interim responses included.
 * The trailers of a chunked body have the same limits. The HTTP client itself bounds only the number of lines and the length of each, so
 * that 100 responses at a time could take hundreds of megabytes.
 *
 * <p>An empty line ends a head. The HTTP client also accepts a head that the connection's end truncates, so that it would read
 * {@code Content-Length: 50243}, truncated after the first digit, as a length of 5. Here such a head fails with a {@link ConnectionClosedException}.
 */
final class HeadLimits {

    private static final int MOST_LINES = 64;
    private static final int MOST_BYTES = 64 * 1024;

    /** The HTTP client refuses the line that reaches the count. Signed addresses in Location have some kilobytes. */
    static final Http1Config LINES = Http1Config.custom().setMaxHeaderCount(MOST_LINES + 1).setMaxLineLength(16 * 1024).build();

    private HeadLimits() {
    }

    private static MessageConstraintException tooLong() {
        return new MessageConstraintException("the head, or the trailers, are too long");
    }

    private static ConnectionClosedException cut() {
        return new ConnectionClosedException("the connection ended within the head, or within the size of a chunk");
    }

    /** Counts the bytes of one final head and of the interim heads before it, as a parser reads them. */
    static final class Meter {

        private long taken;
        private Count count;

        /** Begins with a head; returns the stream to read it from. */
        InputStream begin(SessionInputBuffer buffer, InputStream in) {
            count = new Count(in, taken + buffer.length());
            return count;
        }

        /**
         * Ends with a head.
         *
         * @param buffer holds the bytes that were read and belong to the body or the next head
         * @throws MessageConstraintException when it was too long
         */
        void end(SessionInputBuffer buffer, boolean interim) throws MessageConstraintException {
            taken = count.bytes - buffer.length();
            if (taken > MOST_BYTES) {
                throw tooLong();
            }
            if (!interim) {
                taken = 0;
            }
        }
    }

    /** A parser reads from it only while the head has not ended, so that all bytes before belong to the head. */
    private static final class Count extends FilterInputStream {

        private long bytes;

        private Count(InputStream in, long bytes) {
            super(in);
            this.bytes = bytes;
        }

        @Override
        public int read(byte[] buffer, int offset, int length) throws IOException {
            if (bytes >= MOST_BYTES) {
                throw tooLong();
            }
            int count = in.read(buffer, offset, length);
            if (count < 0 && bytes > 0) {
                throw cut();
            }
            bytes += Math.max(0, count);
            return count;
        }
    }

    /** Knows whether the connection ended while a line was read from it. */
    private static final class LineEnd extends FilterInputStream {

        private boolean missed;

        private LineEnd(InputStream in) {
            super(in);
        }

        @Override
        public int read(byte[] buffer, int offset, int length) throws IOException {
            int count = in.read(buffer, offset, length);
            missed = count < 0;
            return count;
        }
    }

    /** Makes responses that know where their body is read from. */
    static final class Heads implements HttpResponseFactory<ClassicHttpResponse> {

        @Override
        public ClassicHttpResponse newHttpResponse(int status, String reason) {
            return new Head(status, reason);
        }

        @Override
        public ClassicHttpResponse newHttpResponse(int status) {
            return new Head(status, null);
        }
    }

    /** A response before its body is read. */
    static final class Head extends BasicClassicHttpResponse {

        private SessionInputBuffer buffer;
        private InputStream in;

        private Head(int status, String reason) {
            super(status, reason);
        }

        void bodyFrom(SessionInputBuffer sessionBuffer, InputStream socket) {
            buffer = sessionBuffer;
            in = socket;
        }

        /** Bounds the trailers of a chunked body; to be called before the body is read. */
        void boundTrailers() {
            HttpEntity entity = getEntity();
            if (entity != null && entity.isChunked()) {
                InputStream body = new ChunkedInputStream(new Lines(buffer), in, LINES);
                setEntity(new HttpEntityWrapper(entity) {
                    @Override
                    public InputStream getContent() {
                        return body;
                    }

                    @Override
                    public void close() throws IOException {
                        body.close();
                    }
                });
            }
        }
    }

    /** Bounds the bytes of lines that follow each other without bytes of the body between. */
    private static final class Lines implements SessionInputBuffer {

        private final SessionInputBuffer buffer;
        private int lineBytes;

        private Lines(SessionInputBuffer buffer) {
            this.buffer = buffer;
        }

        @Override
        public int readLine(CharArrayBuffer line, InputStream in) throws IOException {
            int before = line.length();
            LineEnd end = new LineEnd(in);
            int count = buffer.readLine(line, end);
            if (end.missed && count >= 0) {
                throw cut();
            }
            lineBytes += line.length() - before + 2;
            if (lineBytes > MOST_BYTES) {
                throw tooLong();
            }
            return count;
        }

        @Override
        public int read(byte[] bytes, int offset, int length, InputStream in) throws IOException {
            lineBytes = 0;
            return buffer.read(bytes, offset, length, in);
        }

        @Override
        public int read(byte[] bytes, InputStream in) throws IOException {
            lineBytes = 0;
            return buffer.read(bytes, in);
        }

        @Override
        public int read(InputStream in) throws IOException {
            lineBytes = 0;
            return buffer.read(in);
        }

        @Override
        public int length() {
            return buffer.length();
        }

        @Override
        public int capacity() {
            return buffer.capacity();
        }

        @Override
        public int available() {
            return buffer.available();
        }

        @Override
        public HttpTransportMetrics getMetrics() {
            return buffer.getMetrics();
        }
    }
}
