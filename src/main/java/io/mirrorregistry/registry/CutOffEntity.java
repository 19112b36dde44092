package io.mirrorregistry.registry;

import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.util.concurrent.atomic.AtomicBoolean;
import org.apache.hc.core5.http.HttpEntity;
import org.apache.hc.core5.http.io.entity.HttpEntityWrapper;

/**
 * A body whose stream, when closed early, closes the connection. The HTTP client would read the rest instead, which for a
 * layer that nobody wants any more is hundreds of megabytes.
 */
public final class CutOffEntity extends HttpEntityWrapper {

    private final Runnable cutOff;
    private final Runnable done;
    private CutOffStream content;

    /**
     * @param cutOff closes the connection
     * @param done is run when the body has ended or was closed
     */
    public CutOffEntity(HttpEntity entity, Runnable cutOff, Runnable done) {
        super(entity);
        this.cutOff = cutOff;
        this.done = done;
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
        private boolean detached;

        private CutOffStream(InputStream in) {
            super(in);
        }

        @Override
        public int read() throws IOException {
            int b = in.read();
            if (b < 0) {
                ended = true;
            }
            return b;
        }

        @Override
        public int read(byte[] bytes, int offset, int length) throws IOException {
            int count = in.read(bytes, offset, length);
            if (count < 0) {
                ended = true;
            }
            return count;
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
            if (ended) {
                in.close();
            } else {
                cutOff.run();
            }
        }
    }
}
