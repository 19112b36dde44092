package io.mirrorregistry.registry;

import io.mirrorregistry.protocol.ProtocolException;
import java.io.IOException;
import java.io.OutputStream;
import java.time.Duration;
import java.util.function.IntPredicate;

/** What a push sends to a registry. Used by one thread at a time. */
public interface PushBody {

    /** Returns the number of bytes; -1 where that is known only at the end. */
    long length();

    /** Returns whether it can be written more than once. */
    default boolean isRepeatable() {
        return false;
    }

    /** Returns how many bytes were written so far. For any thread. */
    long written();

    /**
     * Writes all bytes. Blocks while the source has none, and while the registry takes none. If the first write throws, nothing counts as written, and
     * this may be called once more, to write the same bytes from the first.
     *
     * @throws PushBodyException when the source broke off, stopped, or is not what it said it is
     * @throws IOException when the registry does not take the bytes
     */
    void writeTo(OutputStream out) throws IOException;

    /**
     * Reads all bytes into memory that grows with them, and never more than so many: of a body that announces more, none. Blocks while the source has none.
     *
     * @param time how long the bytes may take to arrive
     * @param room takes so many bytes of memory more, and returns whether they are to be had
     * @throws ProtocolException SIZE_INVALID for a longer body, UNAVAILABLE where there is no memory for it
     * @throws PushBodyException when the source broke off, stopped, took too long, or is not what it said it is
     */
    default byte[] readAll(int most, Duration time, IntPredicate room) throws IOException, ProtocolException {
        if (length() > most) {
            throw BoundedBytes.tooMany(most);
        }
        BoundedBytes all = new BoundedBytes(most, time, room);
        try {
            writeTo(all);
        } catch (BoundedBytes.RefusedException e) {
            throw e.getCause();
        }
        return all.toByteArray();
    }
}
