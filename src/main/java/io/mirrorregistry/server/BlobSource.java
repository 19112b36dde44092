package io.mirrorregistry.server;

import io.mirrorregistry.registry.OpenBodies;
import java.io.Closeable;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;

/** The response of one registry that a stream reads. Read by one thread; closed by any. */
final class BlobSource implements Closeable {

    private final String registry;
    private final InputStream body;
    private long left;

    /**
     * @param registry the name of the registry
     * @param most how many bytes are read at most, not counting those that are skipped
     */
    BlobSource(String registry, InputStream body, long most) {
        this.registry = registry;
        this.body = body;
        this.left = most;
    }

    String registry() {
        return registry;
    }

    /**
     * Reads and drops bytes.
     *
     * @param buffer is overwritten
     * @throws EOFException if there are fewer
     */
    void skip(long count, byte[] buffer) throws IOException {
        for (long more = count; more > 0; ) {
            int read = body.read(buffer, 0, (int) Math.min(buffer.length, more));
            if (read < 0) {
                throw new EOFException();
            }
            more -= read;
        }
    }

    /** Reads as {@link InputStream#read(byte[])} does. */
    int read(byte[] buffer) throws IOException {
        int read = left == 0 ? -1 : body.read(buffer, 0, (int) Math.min(buffer.length, left));
        left -= Math.max(0, read);
        return read;
    }

    @Override
    public void close() {
        OpenBodies.close(body);
    }
}
