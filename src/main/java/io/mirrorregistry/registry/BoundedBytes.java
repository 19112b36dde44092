package io.mirrorregistry.registry;

import io.mirrorregistry.protocol.ErrorCode;
import io.mirrorregistry.protocol.ProtocolException;
import java.io.IOException;
import java.io.OutputStream;
import java.time.Duration;
import java.util.Arrays;
import java.util.function.IntPredicate;

/** Keeps bytes that are written, up to a bound and for a time, in memory that grows with them. For one thread. */
final class BoundedBytes extends OutputStream {

    private static final int FIRST = 4096;

    private final int most;
    private final Duration time;
    private final IntPredicate room;
    private final long began = System.nanoTime();
    private byte[] bytes = new byte[0];
    private int count;

    /** The bytes are not to be kept. */
    static final class RefusedException extends IOException {

        private RefusedException(ProtocolException cause) {
            super(cause);
        }

        @Override
        public synchronized ProtocolException getCause() {
            return (ProtocolException) super.getCause();
        }
    }

    /**
     * @param most the most bytes
     * @param time for how long bytes may be written, from now
     * @param room takes so many bytes of memory more, and returns whether they are to be had
     */
    BoundedBytes(int most, Duration time, IntPredicate room) {
        this.most = most;
        this.time = time;
        this.room = room;
    }

    /** Returns the exception for a body that has more than so many bytes. */
    static ProtocolException tooMany(int most) {
        return new ProtocolException(ErrorCode.SIZE_INVALID, "The body has more than " + most + " bytes.", null);
    }

    @Override
    public void write(int b) throws IOException {
        write(new byte[] {(byte) b}, 0, 1);
    }

    /**
     * @throws RefusedException if there would be more than the bound, or there is no memory for them; none of the bytes is kept
     * @throws PushBodyException if it is too late
     */
    @Override
    public void write(byte[] more, int offset, int length) throws IOException {
        if (length > most - count) {
            throw new RefusedException(tooMany(most));
        }
        if (System.nanoTime() - began > time.toNanos()) {
            throw new PushBodyException("The body took longer than " + time.toSeconds() + " s.", false);
        }
        if (length > bytes.length - count) {
            int size = (int) Math.min(most, Math.max(Math.max(FIRST, count + length), 2L * bytes.length));
            if (!room.test(size - bytes.length)) {
                throw new RefusedException(new ProtocolException(ErrorCode.UNAVAILABLE, "The mirror has no memory for this body now; try again.", null));
            }
            bytes = Arrays.copyOf(bytes, size);
        }
        System.arraycopy(more, offset, bytes, count, length);
        count += length;
    }

    /** Returns the bytes so far. */
    byte[] toByteArray() {
        return count == bytes.length ? bytes : Arrays.copyOf(bytes, count);
    }
}
