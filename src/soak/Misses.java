package soak;

import java.util.Map;
import java.util.Queue;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;

/** The answers that told something as missing, by what it is. For any thread. */
final class Misses {

    private final long cache;
    private final Map<String, Queue<Reply>> replies = new ConcurrentHashMap<>();

    /** @param cache how long the mirror may remember a miss, in ms */
    Misses(long cache) {
        this.cache = cache;
    }

    /**
     * Notes an answer, and returns since when the registries may have been asked for it: since the start of the longest request whose answer may have been
     * remembered. The first registry may have responded right then, and the last one only at its end.
     */
    long firstAsked(Ask ask, Reply reply) {
        long earliest = reply.start - cache;
        Queue<Reply> before = replies.computeIfAbsent(ask.target(), target -> new ConcurrentLinkedQueue<>());
        before.removeIf(other -> other.end < earliest);
        before.add(reply);
        return before.stream().mapToLong(other -> other.start).filter(start -> start < earliest).min().orElse(earliest);
    }
}
