package io.mirrorregistry.registry.folder;

import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;

/** A stream that fails once more bytes than allowed have come: the file may grow while it is read. */
final class BoundedStream extends FilterInputStream {

    private final long most;
    private final IOException tooLong;
    private long count;

    /**
     * Bounds a stream.
     *
     * @param most how many bytes may come
     * @param tooLong what is thrown where more come
     */
    BoundedStream(InputStream in, long most, IOException tooLong) {
        super(in);
        this.most = most;
        this.tooLong = tooLong;
    }

    @Override
    public int read() throws IOException {
        int read = super.read();
        count(read < 0 ? 0 : 1);
        return read;
    }

    @Override
    public int read(byte[] buffer, int offset, int length) throws IOException {
        int read = super.read(buffer, offset, length);
        count(read);
        return read;
    }

    private void count(int more) throws IOException {
        count += Math.max(0, more);
        if (count > most) {
            throw tooLong;
        }
    }
}
