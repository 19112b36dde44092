package io.mirrorregistry.registry;

import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import org.apache.hc.core5.http.HttpEntity;
import org.apache.hc.core5.http.io.entity.HttpEntityWrapper;

/**
 * A body whose stream, when closed early, closes the connection. The HTTP client would read the rest instead, which for a
 * layer that nobody wants any more is hundreds of megabytes.
 */
final class CutOffEntity extends HttpEntityWrapper {

    private final Runnable cutOff;
    private final Runnable done;
    private CutOffStream content;

    /**
     * @param cutOff closes the connection
     * @param done is run when the body has ended or was closed
     */
    CutOffEntity(HttpEntity entity, Runnable cutOff, Runnable done) {
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

        private boolean ended;
        private boolean detached;

        private CutOffStream(InputStream in) {
            super(in);
        }

        @Override
        public int read() throws IOException {
            int b = in.read();
            ended |= b < 0;
            return b;
        }

        @Override
        public int read(byte[] bytes, int offset, int length) throws IOException {
            int count = in.read(bytes, offset, length);
            ended |= count < 0;
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

        private void end() throws IOException {
            done.run();
            if (ended) {
                in.close();
            } else {
                cutOff.run();
            }
        }
    }
}
