package io.mirrorregistry.registry.http;

import io.mirrorregistry.registry.Deadlines;
import io.mirrorregistry.registry.PushBody;
import io.mirrorregistry.registry.PushBodyException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.Socket;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import javax.net.ssl.SSLSocket;
import org.apache.hc.client5.http.ClientProtocolException;
import org.apache.hc.client5.http.classic.methods.HttpUriRequestBase;
import org.apache.hc.client5.http.io.ManagedHttpClientConnection;
import org.apache.hc.core5.http.ClassicHttpRequest;
import org.apache.hc.core5.http.ClassicHttpResponse;
import org.apache.hc.core5.http.HttpException;
import org.apache.hc.core5.http.impl.io.HttpRequestExecutor;
import org.apache.hc.core5.http.io.HttpClientConnection;
import org.apache.hc.core5.http.io.HttpResponseInformationCallback;
import org.apache.hc.core5.http.io.entity.AbstractHttpEntity;
import org.apache.hc.core5.http.message.MessageSupport;
import org.apache.hc.core5.http.protocol.HttpContext;
import org.apache.hc.core5.http.protocol.HttpCoreContext;
import org.apache.hc.core5.io.CloseMode;
import org.apache.hc.core5.util.Timeout;

/**
 * One request with its body, on a connection of its own: sends the head, the body and then waits for the response, each with a time of its own. It is
 * the entity of the request, and is found by the {@link Executor} in the context of the call.
 *
 * <ul>
 * <li>A registry may respond before it has the whole body, and read no more. So before each write it is looked whether there is a response, and after
 *     one that failed: the response is worth more than the broken pipe.
 * <li>A body whose source breaks off must not look like a whole one. The HTTP client ends a chunked body properly even then, so the connection is
 *     closed before the HTTP client gets the exception.
 * <li>While the registry takes no byte, a thread hangs in a write. The thread of all deadlines then closes the connection, or only its way out where
 *     a response has come.
 * </ul>
 *
 * <p>Used once, by one thread, beside that of all deadlines.
 */
final class UploadTransfer extends AbstractHttpEntity {

    /** The attribute of a call's context that holds this. */
    static final String ATTRIBUTE = "mirror.push.transfer";
    /** The attribute of a call's context that holds the socket below all TLS. */
    static final String SOCKET = "mirror.push.socket";

    /** A longer write is made in parts, so that the registry is seen to take bytes. */
    private static final int PART_BYTES = 64 * 1024;
    private static final Timeout LOOK = Timeout.ofMilliseconds(1);
    private static final long HELD_UP_NANOS = TimeUnit.SECONDS.toNanos(1);
    /** What a registry has sent before it closed the connection is there already, or never comes. */
    private static final Timeout LAST_WORDS = Timeout.ofSeconds(1);

    private final PushBody body;
    private final HttpUriRequestBase request;
    private final Duration patience;
    private final Duration answerTime;
    private final StallWatch watch;
    private final long began = System.nanoTime();
    private final Deadlines.Deadline connected;
    private Deadlines.Deadline answered = () -> { };

    private HttpClientConnection connection;
    private volatile Socket socket;
    private boolean tls;
    private ClassicHttpResponse early;
    private boolean begun;
    private boolean failed;
    private volatile boolean stalled;
    private long lastWrite = began;

    /**
     * Begins now.
     *
     * @param body null for none
     * @param request is cancelled when it takes too long
     * @param connectTime the longest time until the head of the request is sent
     * @param patience the longest time for which the registry may take no byte
     * @param answerTime the longest time from the last byte of the body, or from now without a body, to the head of the response
     */
    UploadTransfer(PushBody body, HttpUriRequestBase request, Duration connectTime, Duration patience, Duration answerTime) {
        super((String) null, null, body != null && body.length() < 0);
        this.body = body;
        this.request = request;
        this.patience = patience;
        this.answerTime = answerTime;
        this.watch = new StallWatch(patience, this::heldUp);
        this.connected = Deadlines.set(request, connectTime);
    }

    /** Sends requests as their transfers say. */
    static final class Executor extends HttpRequestExecutor {

        @Override
        public ClassicHttpResponse execute(ClassicHttpRequest request, HttpClientConnection connection, HttpResponseInformationCallback callback,
                HttpContext context) throws IOException, HttpException {
            DesyncGuard.requireNothingLeft(connection);
            if (request.getMethod().equals("CONNECT")) {
                return super.execute(request, connection, callback, context);
            }
            HttpCoreContext details = HttpCoreContext.castOrCreate(context);
            details.setSSLSession(connection.getSSLSession());
            details.setEndpointDetails(connection.getEndpointDetails());
            try {
                return ((UploadTransfer) context.getAttribute(ATTRIBUTE)).exchange(request, connection, context);
            } catch (IOException | HttpException | RuntimeException e) {
                connection.close(CloseMode.IMMEDIATE);
                throw e;
            }
        }
    }

    /** Returns whether a byte of the body was written, or handed over to be. */
    boolean isBegun() {
        return begun;
    }

    /** Returns whether the transfer was ended because the registry took no byte. */
    boolean hasStalled() {
        return stalled;
    }

    /** Returns whether a deadline has ended the transfer. */
    boolean hasTimedOut() {
        return connected.hasEnded() || answered.hasEnded();
    }

    /** Returns when the last byte was written that the registry has taken, or when the transfer began, as {@link System#nanoTime}. */
    long lastWrite() {
        return lastWrite;
    }

    /** Calls off all deadlines that are left. */
    void end() {
        connected.run();
        answered.run();
    }

    private ClassicHttpResponse exchange(ClassicHttpRequest sent, HttpClientConnection to, HttpContext context) throws IOException, HttpException {
        connection = to;
        Socket used = to instanceof ManagedHttpClientConnection managed ? managed.getSocket() : null;
        tls = used instanceof SSLSocket;
        socket = tls ? (Socket) context.getAttribute(SOCKET) : used;
        to.sendRequestHeader(sent);
        to.flush();
        connected.run();
        ClassicHttpResponse response = sent.getEntity() == null ? null : sendBody(sent);
        if (response == null) {
            long waited = sent.getEntity() == null ? System.nanoTime() - began : 0;
            answered = Deadlines.set(request, answerTime.minusNanos(waited));
            response = head();
        }
        if (MessageSupport.canResponseHaveBody(sent.getMethod(), response)) {
            to.receiveResponseEntity(response);
            if (response instanceof HeadLimits.Head head) {
                head.boundTrailers();
            }
        }
        return response;
    }

    /** Returns the final head that comes next. */
    private ClassicHttpResponse head() throws IOException, HttpException {
        ClassicHttpResponse head = connection.receiveResponseHeader();
        while (head.getCode() < 200) {
            head = connection.receiveResponseHeader();
        }
        return head;
    }

    /** Returns the response that came before the body was through; null for none. */
    private ClassicHttpResponse sendBody(ClassicHttpRequest sent) throws IOException, HttpException {
        watch.start();
        try {
            connection.sendRequestEntity(sent);
            connection.flush();
            lastWrite = System.nanoTime();
            return null;
        } catch (IOException e) {
            ClassicHttpResponse response = early == null && !(e instanceof PushBodyException) ? lastWords(e) : early;
            if (response == null) {
                throw e;
            }
            // A registry that takes no blob with the first request says at once where to send it.
            boolean begins = response.getCode() == 202 && request.getMethod().equals("POST");
            if (response.getCode() < 300 && !begins) {
                throw new ClientProtocolException("a response " + response.getCode() + " before the body was sent");
            }
            return response;
        } finally {
            watch.leaves();
            watch.stop();
        }
    }

    /** Returns what the registry sent before it closed the connection; null for nothing. */
    private ClassicHttpResponse lastWords(IOException failure) {
        Deadlines.Deadline late = Deadlines.set(request, patience);
        try {
            connection.setSocketTimeout(LAST_WORDS);
            return head();
        } catch (IOException | HttpException | RuntimeException e) {
            failure.addSuppressed(e);
            return null;
        } finally {
            late.run();
        }
    }

    /** On the thread of all deadlines. */
    private void heldUp(long nanos) {
        boolean tooLong = nanos >= patience.toNanos();
        // Of a TLS connection only reading shows whether the bytes belong to a response; of others, whether to a final one.
        boolean responded = (tooLong || !tls && nanos >= HELD_UP_NANOS) && isSomethingThere();
        if (tooLong && (stalled || !responded)) {
            stalled = true;
            request.cancel();
        } else if (responded) {
            stalled |= tooLong;
            closeWayOut();
        }
    }

    private boolean isSomethingThere() {
        try {
            return socket.getInputStream().available() > 0;
        } catch (IOException e) {
            return false;
        }
    }

    /** Ends whatever is being written, and nothing else can be; what has come can still be read. */
    private void closeWayOut() {
        try {
            socket.shutdownOutput();
        } catch (IOException e) {
            // It is closed already.
        }
    }

    // The entity

    @Override
    public long getContentLength() {
        return body.length();
    }

    @Override
    public boolean isRepeatable() {
        return false;
    }

    @Override
    public boolean isStreaming() {
        return true;
    }

    @Override
    public InputStream getContent() {
        throw new UnsupportedOperationException("the body of a push is only written");
    }

    @Override
    public void close() {
    }

    @Override
    public void writeTo(OutputStream out) throws IOException {
        Sink sink = new Sink(out);
        boolean whole = false;
        try {
            body.writeTo(sink);
            if (body.length() >= 0 && sink.count < body.length()) {
                throw new PushBodyException("The body has " + sink.count + " bytes instead of " + body.length() + ".", false);
            }
            whole = true;
        } finally {
            if (!whole && (early != null || failed)) {
                closeWayOut();
            } else if (!whole) {
                connection.close(CloseMode.IMMEDIATE);
            }
        }
        // Until what is left in the HTTP client's buffer is written.
        watch.enters();
    }

    /** Where the body is written to. */
    private final class Sink extends OutputStream {

        private final OutputStream out;
        private long count;

        private Sink(OutputStream out) {
            this.out = out;
        }

        @Override
        public void write(int b) throws IOException {
            write(new byte[] {(byte) b}, 0, 1);
        }

        @Override
        public void write(byte[] bytes, int offset, int length) throws IOException {
            if (body.length() >= 0 && length > body.length() - count) {
                throw new PushBodyException("The body has more than " + body.length() + " bytes.", false);
            }
            for (int done = 0; done < length; done += PART_BYTES) {
                int part = Math.min(PART_BYTES, length - done);
                int from = offset + done;
                guarded(() -> {
                    requireNoResponse();
                    begun = true;
                    out.write(bytes, from, part);
                });
                count += part;
            }
        }

        @Override
        public void flush() throws IOException {
            guarded(out::flush);
        }

        private void guarded(Write write) throws IOException {
            watch.enters();
            try {
                write.run();
                lastWrite = System.nanoTime();
            } catch (IOException e) {
                failed = true;
                throw e;
            } finally {
                watch.leaves();
            }
        }

        private void requireNoResponse() throws IOException {
            if (!isSomethingThere()) {
                return;
            }
            try {
                while (early == null && connection.isDataAvailable(LOOK)) {
                    ClassicHttpResponse head = connection.receiveResponseHeader();
                    early = head.getCode() < 200 ? null : head;
                }
            } catch (HttpException e) {
                throw new ClientProtocolException(e.getMessage(), e);
            }
            if (early != null) {
                throw new IOException("the registry has responded already");
            }
        }
    }

    /** A write that may fail. */
    private interface Write {

        void run() throws IOException;
    }
}
