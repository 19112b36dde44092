package io.mirrorregistry.server;

import io.mirrorregistry.pull.Pull;
import io.mirrorregistry.registry.AnswerTime;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Bounds the blobs that are streamed at a time: those of one registry, so that a slow one leaves workers for the other, and all of them, so that
 * clients who take their time leave workers for manifests. At the bound, the stream whose client takes least is ended for a new one, if it is
 * slow beyond what anybody could use, and if it is the client that is slow rather than the registry. For any thread.
 */
final class Streams {

    private static final Logger LOG = LoggerFactory.getLogger(Streams.class);
    /** A stream is ended for another only after so long, and only if its client has taken fewer bytes a millisecond than these. */
    private static final long LEAST_MILLIS = 60_000;
    private static final int LEAST_BYTES_A_MILLISECOND = 100;
    private static final int WAIT_SECONDS = 2;

    private final int perRegistry;
    private final long leastMillis;
    private final Semaphore all;
    private final Map<String, Semaphore> ofRegistries = new ConcurrentHashMap<>();
    private final Set<Running> running = ConcurrentHashMap.newKeySet();

    /**
     * @param perRegistry how many of one registry may run at a time
     * @param inAll how many may run at a time
     */
    Streams(int perRegistry, int inAll) {
        this(perRegistry, inAll, LEAST_MILLIS);
    }

    Streams(int perRegistry, int inAll, long leastMillis) {
        this.perRegistry = perRegistry;
        this.leastMillis = leastMillis;
        this.all = new Semaphore(inAll);
    }

    /**
     * Begins a stream.
     *
     * @return null where there are too many
     */
    Running begin(String registry, Pull pull) throws InterruptedException {
        Semaphore ofRegistry = ofRegistries.computeIfAbsent(registry, name -> new Semaphore(perRegistry));
        if (!take(ofRegistry, registry, pull)) {
            return null;
        }
        Running stream = null;
        try {
            if (take(all, null, pull)) {
                stream = new Running(registry, ofRegistry, pull);
                running.add(stream);
            }
            return stream;
        } finally {
            if (stream == null) {
                ofRegistry.release();
            }
        }
    }

    /** @param registry whose stream may be ended for this one; null for any */
    private boolean take(Semaphore permits, String registry, Pull pull) throws InterruptedException {
        return permits.tryAcquire() || endSlowest(registry) && permits.tryAcquire(patience(pull.answerTime()), TimeUnit.NANOSECONDS);
    }

    private static long patience(AnswerTime time) {
        long most = TimeUnit.SECONDS.toNanos(WAIT_SECONDS);
        return time == null ? most : Math.min(most, time.left());
    }

    private boolean endSlowest(String registry) {
        Running slowest = null;
        for (Running stream : running) {
            if ((registry == null || stream.registry.equals(registry)) && stream.isSlow() && (slowest == null || stream.rate() < slowest.rate())) {
                slowest = stream;
            }
        }
        if (slowest == null || !running.remove(slowest)) {
            return false;
        }
        LOG.info("{}: a stream whose client takes {} bytes a second is ended for another", slowest.registry, Math.round(slowest.rate() * 1000));
        slowest.pull.abandon();
        ClientConnection.of(slowest.pull.connection()).close();
        return true;
    }

    /** One stream; closing it is the end of it. The second close has no effect. One thread moves it from registry to registry. */
    final class Running implements AutoCloseable {

        private volatile String registry;
        /** The permits of which it holds one; null while it is between two registries, and after its end. */
        private final AtomicReference<Semaphore> ofRegistry;
        private final Pull pull;
        private final AtomicBoolean closed = new AtomicBoolean();
        private final long began = System.nanoTime();
        /** How long it has waited for its client until now, without the wait that is under way, which began at the other time; 0 for none. */
        private volatile long waited;
        private volatile long waitsSince;
        private volatile Runnable whenClosed = () -> { };

        private Running(String registry, Semaphore ofRegistry, Pull pull) {
            this.registry = registry;
            this.ofRegistry = new AtomicReference<>(ofRegistry);
            this.pull = pull;
        }

        /** Sets what runs once, when the stream is closed. */
        void whenClosed(Runnable action) {
            whenClosed = action;
        }

        /** Says that the stream waits for its client from now on. */
        void waits() {
            waitsSince = System.nanoTime();
        }

        /** Says that its client has taken something. */
        void goesOn() {
            waited += System.nanoTime() - waitsSince;
            waitsSince = 0;
        }

        /** Gives back its place among the streams of its registry, which has broken off. */
        void leaveRegistry() {
            Semaphore held = ofRegistry.getAndSet(null);
            if (held != null) {
                held.release();
            }
        }

        /** Takes a place among the streams of another registry instead. Returns false where there are too many. */
        boolean enterRegistry(String next) throws InterruptedException {
            leaveRegistry();
            Semaphore there = ofRegistries.computeIfAbsent(next, name -> new Semaphore(perRegistry));
            if (!take(there, next, pull)) {
                return false;
            }
            registry = next;
            ofRegistry.set(there);
            if (closed.get()) {
                leaveRegistry();
            }
            return true;
        }

        private boolean isSlow() {
            long now = System.nanoTime();
            long age = now - began;
            long waits = waitsSince;
            long waitedForClient = waited + (waits == 0 ? 0 : now - waits);
            return age >= TimeUnit.MILLISECONDS.toNanos(leastMillis) && waitedForClient > age / 2 && rate() < LEAST_BYTES_A_MILLISECOND
                    && !pull.response().ended();
        }

        /** Returns how many bytes the client has taken in a millisecond. */
        private double rate() {
            ClientConnection connection = ClientConnection.of(pull.connection());
            return connection.taken() / Math.max(1.0, TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - began));
        }

        @Override
        public void close() {
            if (closed.compareAndSet(false, true)) {
                running.remove(this);
                leaveRegistry();
                all.release();
                whenClosed.run();
            }
        }
    }
}
