package io.mirrorregistry.push;

import io.mirrorregistry.registry.PushBody;
import io.mirrorregistry.registry.PushBodyException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** A blob that comes from another registry, or from a folder. Used by one thread. */
final class CopiedBody implements PushBody {

    private static final Logger LOG = LoggerFactory.getLogger(CopiedBody.class);
    private static final int BUFFER_BYTES = 64 * 1024;

    private final InputStream source;
    private final long length;
    /** When the copy has to be done, as {@link System#nanoTime}. */
    private final long end;
    private final byte[] buffer = new byte[BUFFER_BYTES];
    private int filled;
    private volatile long written;

    CopiedBody(InputStream source, long length, long end) {
        this.source = source;
        this.length = length;
        this.end = end;
    }

    @Override
    public long length() {
        return length;
    }

    @Override
    public long written() {
        return written;
    }

    @Override
    public void writeTo(OutputStream out) throws IOException {
        while (written < length) {
            // What is left in the buffer was read for a write that failed.
            if (filled == 0) {
                filled = read();
            }
            out.write(buffer, 0, filled);
            written += filled;
            filled = 0;
        }
    }

    /** Returns how many bytes more are in the buffer, at least one. */
    private int read() throws PushBodyException {
        if (System.nanoTime() - end > 0) {
            throw new PushBodyException("the copy took too long", false);
        }
        try {
            int read = source.read(buffer, 0, (int) Math.min(buffer.length, length - written));
            if (read > 0) {
                return read;
            }
        } catch (IOException e) {
            LOG.debug("the blob broke off at its source", e);
        }
        throw new PushBodyException("the blob broke off at its source", false);
    }
}
