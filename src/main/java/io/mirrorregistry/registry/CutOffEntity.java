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
    private InputStream content;

    CutOffEntity(HttpEntity entity, Runnable cutOff) {
        super(entity);
        this.cutOff = cutOff;
    }

    @Override
    public InputStream getContent() throws IOException {
        if (content == null) {
            content = new CutOffStream(super.getContent());
        }
        return content;
    }

    @Override
    public void close() throws IOException {
        getContent().close();
    }

    private final class CutOffStream extends FilterInputStream {

        private boolean ended;

        CutOffStream(InputStream in) {
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

        @Override
        public void close() throws IOException {
            if (ended) {
                in.close();
            } else {
                cutOff.run();
            }
        }
    }
}
