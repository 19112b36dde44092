package io.mirrorregistry.push;

import io.mirrorregistry.registry.PushBody;
import java.io.IOException;
import java.io.OutputStream;

/** A body in memory, such as a manifest. Used by one thread at a time. */
public final class BytesBody implements PushBody {

    private final byte[] bytes;
    private volatile long written;

    public BytesBody(byte[] bytes) {
        this.bytes = bytes;
    }

    @Override
    public long length() {
        return bytes.length;
    }

    @Override
    public boolean isRepeatable() {
        return true;
    }

    @Override
    public long written() {
        return written;
    }

    @Override
    public void writeTo(OutputStream out) throws IOException {
        out.write(bytes);
        written = bytes.length;
    }
}
