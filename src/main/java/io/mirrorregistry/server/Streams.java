package io.mirrorregistry.server;

import io.mirrorregistry.pull.Pull;
import io.mirrorregistry.work.Bulkhead;
import io.mirrorregistry.work.Place;
import java.time.Duration;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Bounds the blobs that are streamed at a time: those of one registry, so that a slow one leaves workers for the other, and all of them, so that
 * clients who take their time leave workers for manifests. At the bound, the stream whose client takes least is ended for a new one, if it is
 * slow beyond what anybody could use, and if it is the client that is slow rather than the registry. Otherwise the new one waits for its turn.
 * For any thread.
 */
final class Streams {

    private static final Logger LOG = LoggerFactory.getLogger(Streams.class);
    /** A stream is ended for another only after so long, and only if its client has taken fewer bytes a millisecond than these. */
    private static final long LEAST_MILLIS = 60_000;
    private static final int LEAST_BYTES_A_MILLISECOND = 100;
    /** How long a stream that has been ended for another may take to be over. */
    static final long WAIT_FOR_ENDED_NANOS = TimeUnit.SECONDS.toNanos(2);

    private final int perRegistry;
    private final Duration longestWait;
    private final long leastMillis;
    private final Bulkhead all;
    private final Map<String, Bulkhead> ofRegistries = new ConcurrentHashMap<>();
    private final Set<Running> running = ConcurrentHashMap.newKeySet();

    /**
     * @param perRegistry how many of one registry may run at a time
     * @param inAll how many may run at a time
     * @param longestWait how long one may wait for its turn at most
     */
    Streams(int perRegistry, int inAll, Duration longestWait) {
        this(perRegistry, inAll, longestWait, LEAST_MILLIS);
    }

    Streams(int perRegistry, int inAll, Duration longestWait, long leastMillis) {
        this.perRegistry = perRegistry;
        this.longestWait = longestWait;
        this.leastMillis = leastMillis;
        this.all = new Bulkhead(inAll, longestWait);
    }

    private Bulkhead of(String registry) {
        return ofRegistries.computeIfAbsent(registry, name -> new Bulkhead(perRegistry, longestWait));
    }

    /** Returns a place for a stream at once; null where there are too many. */
    StreamPlace tryTake(String registry) {
        Place ofRegistry = of(registry).tryTake();
        if (ofRegistry == null) {
            return null;
        }
        Place ofAll = all.tryTake();
        if (ofAll == null) {
            ofRegistry.close();
            return null;
        }
        return new StreamPlace(ofRegistry, ofAll);
    }

    /**
     * Waits for a place, without a thread.
     *
     * @param since when the request arrived, as {@link System#nanoTime}
     * @param nanos how long to wait at most
     * @return the place; fails as {@link Bulkhead#take} does. Whoever cancels it waits no longer
     */
    CompletableFuture<Place> take(String registry, long since, long nanos) {
        long end = System.nanoTime() + nanos;
        CompletableFuture<Place> taken = new CompletableFuture<>();
        wait(of(registry), since, nanos, taken, ofRegistry -> wait(all, since, end - System.nanoTime(), taken, ofAll -> {
            StreamPlace place = new StreamPlace(ofRegistry, ofAll);
            if (!taken.complete(place)) {
                place.close();
            }
        }, ofRegistry::close), () -> { });
        return taken;
    }

    /**
     * Waits for one of the two places that a stream needs.
     *
     * @param taken is failed if there is none in time; its cancellation ends the wait
     * @param next gets the place
     * @param missed runs if there is none
     */
    private static void wait(Bulkhead bulkhead, long since, long nanos, CompletableFuture<Place> taken, Consumer<Place> next, Runnable missed) {
        CompletableFuture<Place> turn = bulkhead.take(since, nanos);
        taken.whenComplete((place, failure) -> turn.cancel(false));
        turn.whenComplete((place, failure) -> {
            if (place != null) {
                next.accept(place);
            } else {
                missed.run();
                taken.completeExceptionally(failure);
            }
        });
    }

    /** Returns how many wait for their turn. */
    int waiting() {
        return all.waiting() + ofRegistries.values().stream().mapToInt(Bulkhead::waiting).sum();
    }

    /**
     * Ends the slowest stream that keeps another one from its place, if it is slow enough. Returns whether one was ended.
     *
     * @param registry of the stream that has no place
     */
    boolean makeRoom(String registry) {
        return endSlowest(of(registry).free() == 0 ? registry : null);
    }

    /**
     * Begins a stream.
     *
     * @param place what {@link #tryTake} or {@link #take} has returned; the stream gives it back
     */
    Running begin(String registry, StreamPlace place, Pull pull) {
        Running stream = new Running(registry, place, pull);
        running.add(stream);
        return stream;
    }

    /** @param registry whose stream may be ended for this one; null for any */
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
        private final StreamPlace place;
        private final Pull pull;
        private final AtomicBoolean closed = new AtomicBoolean();
        private final long began = System.nanoTime();
        /** How long it has waited for its client until now, without the wait that is under way, which began at the other time; 0 for none. */
        private volatile long waited;
        private volatile long waitsSince;
        private volatile Runnable whenClosed = () -> { };

        private Running(String registry, StreamPlace place, Pull pull) {
            this.registry = registry;
            this.place = place;
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
            place.leaveRegistry();
        }

        /** Takes a place among the streams of another registry instead. Returns false where there are too many. May block for two seconds. */
        boolean enterRegistry(String next) throws InterruptedException {
            place.leaveRegistry();
            Place there = placeAt(next);
            if (there == null) {
                return false;
            }
            registry = next;
            place.enterRegistry(there);
            if (closed.get()) {
                place.leaveRegistry();
            }
            return true;
        }

        /** Returns null where there are too many streams, and none of them is slow enough to be ended for this one. */
        private Place placeAt(String next) throws InterruptedException {
            Place there = of(next).tryTake();
            if (there != null || !makeRoom(next)) {
                return there;
            }
            CompletableFuture<Place> turn = of(next).take(began, WAIT_FOR_ENDED_NANOS);
            try {
                return turn.get();
            } catch (ExecutionException e) {
                return null;
            } finally {
                if (!turn.isDone() && !turn.cancel(false)) {
                    turn.join().close();
                }
            }
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
                place.close();
                whenClosed.run();
            }
        }
    }
}
