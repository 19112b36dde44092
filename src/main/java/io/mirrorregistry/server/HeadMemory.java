package io.mirrorregistry.server;

import java.util.concurrent.atomic.AtomicLong;

/**
 * Bounds the heap that the request heads of one port take together: of heads that have begun to arrive, and of requests that wait for
 * their responses. A single head is bounded by settings, but thousands of connections may each have one. For any thread.
 */
final class HeadMemory {

    /** Heap bytes of a parsed header line besides its characters: the map entry, and the objects of name and value. */
    static final int LINE_BYTES = 150;

    /**
     * Most heap bytes of an ordinary request's head. Such a request is served even beyond the bound: mirror.server.requests bounds their
     * number, and long heads of other clients must not keep them out.
     */
    static final int SMALL_BYTES = 6 * 1024;

    private final long limit;
    private final AtomicLong used = new AtomicLong();

    /** @param limit in bytes */
    HeadMemory(long limit) {
        this.limit = limit;
    }

    /** Adds bytes, or takes some away where the number is negative. Returns whether the bound is exceeded now. */
    boolean add(long bytes) {
        return used.addAndGet(bytes) > limit;
    }

    /** Returns whether the bound is exceeded. */
    boolean exceeded() {
        return used.get() > limit;
    }

    /** Returns the bytes in use, for tests and metrics. */
    long used() {
        return used.get();
    }
}
