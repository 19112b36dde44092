package io.mirrorregistry.edge;

import io.mirrorregistry.work.Guarded;
import io.netty.channel.AdaptiveRecvByteBufAllocator;
import io.netty.channel.Channel;
import io.vertx.core.Vertx;
import io.vertx.core.http.HttpServerOptions;
import java.time.Duration;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Predicate;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Bounds the connections of one port: their number, the time in each state, the memory of request heads, and the bytes that wait for clients.
 * At a bound it closes the connection that serves its client least: the one that has been idle longest, then the one whose head has been
 * arriving longest. The connections of a port run on one event loop, and so do the methods, but for {@link #accepted}, which runs on the thread
 * that accepts.
 *
 * <p>An idle timeout of the server alone would begin anew with each byte, so that a client that sends one at a time could hold a
 * connection for ever.
 */
public final class ConnectionLimits implements AutoCloseable {

    private static final Logger LOG = LoggerFactory.getLogger(ConnectionLimits.class);
    private static final Map<Integer, ConnectionLimits> BY_PORT = new ConcurrentHashMap<>();
    private static final long LONGEST_SWEEP_MILLIS = 500;
    private static final long WARNING_NANOS = TimeUnit.MINUTES.toNanos(1);
    /** Request heads are short; a large buffer that keeps half a head would be memory that nobody counts. */
    private static final int LEAST_READ = 512;
    private static final int FIRST_READ = 2048;
    private static final int MOST_READ = 16 * 1024;

    /**
     * The bounds.
     *
     * @param connections how many connections there may be
     * @param idle how long one may be idle, and how long its client may take less than 64 kB of a response that waits for it
     * @param arriving how long a request head may take from its first byte to its last
     * @param busy how long a request may take to the end of its response; null for no bound
     * @param headerLines how many header lines a request may have
     * @param pipelined how many requests of one connection may wait for their responses
     * @param headBytes how much memory the heads of all connections may take
     * @param unsentBytes how many bytes of responses may wait, on all connections, for clients to take them
     */
    public record Bounds(int connections, Duration idle, Duration arriving, Duration busy, int headerLines, int pipelined, long headBytes,
            long unsentBytes) {
    }

    private final Bounds bounds;
    private final HttpServerOptions options;
    private final HeadMemory heads;
    /** Bytes of responses that are written and that the network has not taken yet. Netty keeps a copy of them outside of the heap. */
    private final AtomicLong unsent = new AtomicLong();
    private final Set<ClientConnection> connections = ConcurrentHashMap.newKeySet();
    private final AtomicLong lastWarning = new AtomicLong(System.nanoTime() - WARNING_NANOS);
    private final Vertx vertx;
    private final int port;
    private final long timer;
    private final long tickNanos;
    /** {@link System#nanoTime()} at the last sweep, and one more at each {@link #now()}. Two threads may lose an increment, which does no harm. */
    private volatile long clock = System.nanoTime();

    private ConnectionLimits(Vertx vertx, int port, Bounds bounds, HttpServerOptions options) {
        this.vertx = vertx;
        this.port = port;
        this.bounds = bounds;
        this.options = options;
        this.heads = new HeadMemory(bounds.headBytes());
        long shortest = Math.min(bounds.idle().toMillis(), bounds.arriving().toMillis());
        Runnable sweep = new Guarded("close connections of port " + port + " whose time is over", this::sweep);
        long tick = Math.max(1, Math.min(LONGEST_SWEEP_MILLIS, shortest / 4));
        this.tickNanos = TimeUnit.MILLISECONDS.toNanos(tick);
        this.timer = vertx.setPeriodic(tick, now -> sweep.run());
    }

    /**
     * Bounds the connections that a port accepts from now on.
     *
     * @param options the limits of a request's length, as the server of that port has them
     */
    public static ConnectionLimits begin(Vertx vertx, int port, Bounds bounds, HttpServerOptions options) {
        ConnectionLimits limits = new ConnectionLimits(vertx, port, bounds, options);
        BY_PORT.put(port, limits);
        return limits;
    }

    /** Returns the limits of a port; null where it has none. */
    static ConnectionLimits of(int port) {
        return BY_PORT.get(port);
    }

    /**
     * Returns a time in nanoseconds that is exact to a sweep and orders events within it. Reading the real time would cost several calls for
     * each request.
     */
    long now() {
        long now = clock + 1;
        clock = now;
        return now;
    }

    HeadMemory heads() {
        return heads;
    }

    int maxPipelined() {
        return bounds.pipelined();
    }

    /** Takes a connection that has just been accepted and is not registered with its event loop yet. Called by the thread that accepts. */
    void accepted(Channel channel) {
        if (connections.size() >= bounds.connections() && !makeRoom()) {
            channel.unsafe().closeForcibly();
            return;
        }
        channel.config().setRecvByteBufAllocator(new AdaptiveRecvByteBufAllocator(LEAST_READ, FIRST_READ, MOST_READ));
        ClientConnection connection = new ClientConnection(channel, this);
        connections.add(connection);
        channel.closeFuture().addListener(closed -> {
            connections.remove(connection);
            connection.closed();
        });
    }

    /** Puts the limits into a connection that speaks HTTP by now. */
    void speaksHttp(ClientConnection connection) {
        connection.install(options, bounds.headerLines());
    }

    /** Closes one connection for a new one. Returns whether there was one to close: not where all have requests under way. */
    private boolean makeRoom() {
        ClientConnection victim = oldest(ClientConnection.State.IDLE, any -> true);
        if (victim == null) {
            victim = oldest(ClientConnection.State.ARRIVING, any -> true);
        }
        warn(victim == null ? "all of them are busy, so that new ones are refused" : "those that were idle longest are closed");
        if (victim != null) {
            connections.remove(victim);
            victim.close();
        }
        return victim != null;
    }

    private void warn(String consequence) {
        long last = lastWarning.get();
        if (System.nanoTime() - last >= WARNING_NANOS && lastWarning.compareAndSet(last, System.nanoTime())) {
            LOG.warn("Port {} has as many connections as it may, {}: {}", port, bounds.connections(), consequence);
        }
    }

    /** Closes connections whose heads are arriving, the oldest first, until the memory of heads is within its bound. */
    void closeOldestHeads() {
        Set<ClientConnection> closing = new HashSet<>();
        Predicate<ClientConnection> among = connection -> connection.isHeadArriving() && !closing.contains(connection);
        while (heads.exceeded()) {
            ClientConnection victim = oldest(ClientConnection.State.ARRIVING, among);
            if (victim == null) {
                victim = oldest(ClientConnection.State.BUSY, among);
            }
            if (victim == null) {
                return;
            }
            closing.add(victim);
            victim.close();
        }
    }

    /**
     * Counts bytes of a response that are written, or have been taken where the number is negative. At the bound it closes the connections
     * that have not taken theirs for longest.
     */
    void unsent(long bytes) {
        if (unsent.addAndGet(bytes) <= bounds.unsentBytes() || bytes < 0) {
            return;
        }
        Set<ClientConnection> closing = new HashSet<>();
        while (unsent.get() > bounds.unsentBytes()) {
            ClientConnection victim = null;
            for (ClientConnection connection : connections) {
                if (connection.unsent() > 0 && !closing.contains(connection)
                        && (victim == null || connection.progressSince() - victim.progressSince() < 0)) {
                    victim = connection;
                }
            }
            if (victim == null) {
                return;
            }
            closing.add(victim);
            victim.close();
        }
    }

    /** Returns how many bytes of responses wait for clients to take them. */
    long unsent() {
        return unsent.get();
    }

    private ClientConnection oldest(ClientConnection.State state, Predicate<ClientConnection> among) {
        ClientConnection oldest = null;
        for (ClientConnection connection : connections) {
            if (connection.state() == state && among.test(connection) && (oldest == null || connection.since() - oldest.since() < 0)) {
                oldest = connection;
            }
        }
        return oldest;
    }

    /** Closes the connections that have done one thing for too long. */
    private void sweep() {
        long now = System.nanoTime();
        clock = now;
        for (ClientConnection connection : connections) {
            Duration longest = switch (connection.state()) {
                case IDLE -> bounds.idle();
                case ARRIVING -> bounds.arriving();
                case BUSY -> bounds.busy();
            };
            // The coarse clock may be a tick early.
            boolean late = longest != null && now - connection.since() > longest.toNanos() + tickNanos;
            if (connection.isSending()) {
                connection.look();
                late |= now - connection.progressSince() > bounds.idle().toNanos() + tickNanos;
            }
            if (late) {
                connection.close();
            }
        }
    }

    /** Returns how many connections there are. */
    public int connections() {
        return connections.size();
    }

    /** Bounds no further connections. */
    @Override
    public void close() {
        vertx.cancelTimer(timer);
        BY_PORT.remove(port, this);
    }
}
