package io.mirrorregistry.registry;

import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.SocketTimeoutException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Consumer;
import org.apache.hc.core5.http.HttpEntity;
import org.apache.hc.core5.http.io.entity.HttpEntityWrapper;

/**
 * A body whose stream, when closed early, closes the connection. The HTTP client would read the rest instead, which for a
 * layer that nobody wants any more is hundreds of megabytes.
 */
public final class CutOffEntity extends HttpEntityWrapper {

    private final Runnable cutOff;
    private final Deadlines.Deadline done;
    private Consumer<Boolean> whenRead = inTime -> { };
    private CutOffStream content;

    /**
     * @param cutOff closes the connection
     * @param done the deadline for the body, which is called off when the body has ended or was closed
     */
    public CutOffEntity(HttpEntity entity, Runnable cutOff, Deadlines.Deadline done) {
        super(entity);
        this.cutOff = cutOff;
        this.done = done;
    }

    /** Sets what is run as well when the body has ended, with true, or was closed after a timeout, with false. */
    public void whenRead(Consumer<Boolean> action) {
        this.whenRead = action;
    }

    @Override
    public CutOffStream getContent() throws IOException {
        if (content == null) {
            content = new CutOffStream(super.getContent());
        }
        return content;
    }

    @Override
    public void close() throws IOException {
        getContent().close();
    }

    /** The stream of such a body. */
    final class CutOffStream extends FilterInputStream {

        private final AtomicBoolean closed = new AtomicBoolean();
        private volatile boolean ended;
        private volatile boolean timedOut;
        private boolean detached;

        private CutOffStream(InputStream in) {
            super(in);
        }

        @Override
        public int read() throws IOException {
            try {
                return noted(in.read());
            } catch (IOException e) {
                throw inTime(e);
            }
        }

        @Override
        public int read(byte[] bytes, int offset, int length) throws IOException {
            try {
                return noted(in.read(bytes, offset, length));
            } catch (IOException e) {
                throw inTime(e);
            }
        }

        private int noted(int read) {
            if (read < 0) {
                ended = true;
            }
            return read;
        }

        /** Returns a timeout for what the HTTP client tells of a connection that the deadline has closed. */
        private IOException inTime(IOException failure) {
            IOException known = done.hasEnded() ? new SocketTimeoutException("the body's deadline") : failure;
            timedOut |= known instanceof SocketTimeoutException;
            return known;
        }

        /** Returns the same stream for one who closes it: from now on, closing this one has no effect. */
        InputStream detach() {
            detached = true;
            return new FilterInputStream(this) {
                @Override
                public void close() throws IOException {
                    end();
                }
            };
        }

        @Override
        public void close() throws IOException {
            if (!detached) {
                end();
            }
        }

        /**
         * Several owners may close the same body: the step that reads it, the end of the exchange, and the event loop when the client
         * has gone. Only the first call has an effect.
         */
        private void end() throws IOException {
            if (closed.getAndSet(true)) {
                return;
            }
            done.run();
            if (ended || timedOut) {
                whenRead.accept(ended);
            }
            if (ended) {
                in.close();
            } else {
                cutOff.run();
            }
        }
    }
}
