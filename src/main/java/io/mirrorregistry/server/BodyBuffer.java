package io.mirrorregistry.server;

import io.mirrorregistry.registry.PushBodyException;
import io.netty.buffer.ByteBuf;

/**
 * The bytes of a request's body between the event loop, which puts them in, and the one thread that takes them out: a ring that grows up to
 * {@value #MOST} bytes. It belongs to one body, and nothing is allocated for each part that arrives.
 *
 * <p>The monitor of this object guards all fields. The thread that takes bytes reads them outside of the monitor, between {@link #await} and
 * {@link #release}: the event loop never writes into that part of the array, and where the ring grows or is given up meanwhile, the array stays as it is.
 */
final class BodyBuffer {

    /** The largest capacity in bytes. */
    static final int MOST = 128 * 1024;
    /** From so many bytes on nothing more is to be read. What one read of the network returns still fits in, also with TLS. */
    private static final int FULL = 64 * 1024;
    /** At so many bytes it goes on: the event loop is woken once for many parts. */
    private static final int LOW = 16 * 1024;
    /** Most bodies that wait for somebody to take them have as few bytes so far, and there may be thousands. */
    private static final int FIRST = 2 * 1024;
    private static final byte[] NOTHING = new byte[0];

    /** Its length is a power of two, or 0. */
    private byte[] ring = NOTHING;
    /** How many bytes were put in and taken out since the beginning. */
    private long put;
    private long taken;
    private boolean paused;
    private boolean ended;
    private PushBodyException failure;
    /** Where the bytes are that {@link #await} has returned. */
    private byte[] bytes = NOTHING;
    private int offset;

    /**
     * Puts bytes in, unless the body has failed already.
     *
     * @return false if there is no room; none of the bytes was put in
     */
    synchronized boolean put(ByteBuf more) {
        int count = more.readableBytes();
        if (failure != null) {
            return true;
        }
        if (!reserve(count)) {
            return false;
        }
        int at = index(put);
        int first = Math.min(count, ring.length - at);
        more.getBytes(more.readerIndex(), ring, at, first);
        more.getBytes(more.readerIndex() + first, ring, 0, count - first);
        put += count;
        paused |= put - taken >= FULL;
        notifyAll();
        return true;
    }

    private boolean reserve(int count) {
        long needed = put - taken + count;
        if (needed > MOST) {
            return false;
        }
        if (needed > ring.length) {
            byte[] larger = new byte[Math.max(FIRST, Integer.highestOneBit((int) needed - 1) << 1)];
            for (long from = taken; from < put;) {
                int length = (int) Math.min(put - from, Math.min(ring.length - index(from), larger.length - (int) (from & larger.length - 1)));
                System.arraycopy(ring, index(from), larger, (int) (from & larger.length - 1), length);
                from += length;
            }
            ring = larger;
        }
        return true;
    }

    private int index(long position) {
        return (int) (position & ring.length - 1);
    }

    /** Says that the body is whole. */
    synchronized void end() {
        ended = true;
        notifyAll();
    }

    /** Says why the body will never be whole, unless it is or something else was said before. Bytes that were not taken are dropped. */
    synchronized void fail(PushBodyException why) {
        if (failure == null && !(ended && put == taken)) {
            failure = why;
            ring = NOTHING;
            notifyAll();
        }
    }

    /**
     * Waits for bytes.
     *
     * @param millis how long at most; 0 not to wait
     * @return how many bytes there are from {@link #offset} on; 0 if none came in time; -1 at the end of the body
     * @throws PushBodyException if the body will never be whole
     */
    synchronized int await(long millis) throws PushBodyException, InterruptedException {
        if (millis > 0 && put == taken && !ended && failure == null) {
            wait(millis);
        }
        if (failure != null) {
            throw failure;
        }
        if (put == taken) {
            ring = ended ? NOTHING : ring;
            return ended ? -1 : 0;
        }
        bytes = ring;
        offset = index(taken);
        return (int) Math.min(put - taken, ring.length - offset);
    }

    /** Returns the array with the bytes that {@link #await} has returned. */
    synchronized byte[] bytes() {
        return bytes;
    }

    /** Returns where those bytes begin. */
    synchronized int offset() {
        return offset;
    }

    /** Takes bytes out that {@link #await} has returned. Returns whether reading is to go on, which {@link #isPaused} said it was not. */
    synchronized boolean release(int count) {
        taken += count;
        if (!paused || put - taken > LOW) {
            return false;
        }
        paused = false;
        return true;
    }

    /** Returns whether nothing more is to be read for now. */
    synchronized boolean isPaused() {
        return paused;
    }

    /** Returns how many bytes were put in. */
    synchronized long arrived() {
        return put;
    }

    /** Tells for tests what it keeps. */
    @Override
    public synchronized String toString() {
        return put + " put, " + taken + " taken, " + ring.length + " kept" + (ended ? ", ended" : "") + (failure == null ? "" : ", failed");
    }
}
