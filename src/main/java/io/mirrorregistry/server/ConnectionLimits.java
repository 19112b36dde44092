package io.mirrorregistry.server;

import io.mirrorregistry.work.Guarded;
import io.netty.channel.AdaptiveRecvByteBufAllocator;
import io.netty.channel.Channel;
import io.netty.channel.epoll.EpollChannelOption;
import io.vertx.core.Context;
import io.vertx.core.http.HttpServerOptions;
import io.vertx.core.impl.ContextInternal;
import java.time.Duration;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Bounds the connections of one port: their number, the time in each state, the memory of request heads, and the bytes that wait for clients.
 * At a bound it closes the connection that serves its client least: one that is left, the one that has been idle longest, then the one whose head has been
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
    /** A busy connection may be closed for a new one if its client has taken nothing of a response for so long. */
    private static final long STALLED_NANOS = TimeUnit.SECONDS.toNanos(5);
    /** Heads of so many bytes behind a request that is not answered yet are more than any client of registries sends. */
    private static final long MUCH_BEHIND = 16 * 1024;
    private static final long WARNING_NANOS = TimeUnit.MINUTES.toNanos(1);
    /** Request heads are short; a large buffer that keeps half a head would be memory that nobody counts. */
    private static final int LEAST_READ = 512;
    private static final int FIRST_READ = 2048;
    private static final int MOST_READ = 16 * 1024;
    /**
     * How many bytes the operating system may hold that are not sent yet. By default it takes up to 4 MB at once and then nothing until a third of
     * them is sent: a client that takes 40 kB a second would look like one that takes nothing for half a minute. Linux only; elsewhere it is ignored.
     *
     * @see <a href="https://www.kernel.org/doc/Documentation/networking/ip-sysctl.txt">tcp_notsent_lowat</a>
     */
    private static final long MOST_NOT_SENT = 128 * 1024;
    /** How long a client has to read the last response of its connection while it still sends. */
    private static final Duration LEAVING = Duration.ofSeconds(5);

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
    /** Null for a port that speaks plain http. */
    private final PlainHttpNotice plainHttp;
    /** Bytes of responses that are written and that the network has not taken yet. Netty keeps a copy of them outside of the heap. */
    private final AtomicLong unsent = new AtomicLong();
    private final Set<ClientConnection> connections = ConcurrentHashMap.newKeySet();
    private final AtomicLong lastWarning = new AtomicLong(System.nanoTime() - WARNING_NANOS);
    private final int port;
    private final ScheduledFuture<?> timer;
    private final long tickNanos;
    private long lastSweep = System.nanoTime();

    private ConnectionLimits(Context loop, int port, Bounds bounds, HttpServerOptions options) {
        this.port = port;
        this.bounds = bounds;
        this.options = options;
        this.heads = new HeadMemory(bounds.headBytes());
        this.plainHttp = options.isSsl() ? new PlainHttpNotice(port) : null;
        long shortest = Math.min(bounds.idle().toMillis(), bounds.arriving().toMillis());
        long tick = Math.max(1, Math.min(LONGEST_SWEEP_MILLIS, shortest / 4));
        this.tickNanos = TimeUnit.MILLISECONDS.toNanos(tick);
        this.timer = ((ContextInternal) loop).nettyEventLoop().scheduleWithFixedDelay(
                new Guarded("close connections of port " + port + " whose time is over", this::sweep), tick, tick, TimeUnit.MILLISECONDS);
    }

    /**
     * Bounds the connections that a port accepts from now on.
     *
     * @param loop the event loop of the connections
     * @param options the limits of a request's length, as the server of that port has them
     */
    public static ConnectionLimits begin(Context loop, int port, Bounds bounds, HttpServerOptions options) {
        ConnectionLimits limits = new ConnectionLimits(loop, port, bounds, options);
        BY_PORT.put(port, limits);
        return limits;
    }

    /** Returns the limits of a port; null where it has none. */
    static ConnectionLimits of(int port) {
        return BY_PORT.get(port);
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
        channel.config().setOption(EpollChannelOption.TCP_NOTSENT_LOWAT, MOST_NOT_SENT);
        ClientConnection connection = new ClientConnection(channel, this);
        connections.add(connection);
        if (plainHttp != null) {
            channel.pipeline().addFirst(plainHttp);
        }
        channel.closeFuture().addListener(closed -> {
            connections.remove(connection);
            connection.closed();
        });
    }

    /** Puts the limits into a connection that speaks HTTP by now. */
    void speaksHttp(ClientConnection connection) {
        connection.install(options, bounds.headerLines());
    }

    /** Closes one connection for a new one. Returns whether there was one to close. */
    private boolean makeRoom() {
        ClientConnection victim = oldest(ClientConnection.State.LEAVING);
        if (victim == null) {
            victim = oldest(ClientConnection.State.IDLE);
        }
        if (victim == null) {
            victim = oldest(ClientConnection.State.ARRIVING);
        }
        if (victim == null) {
            victim = stalledLongest();
        }
        warn(victim == null ? "all of them are busy, so that new ones are refused" : "those that do least are closed");
        if (victim != null) {
            victim.closeForAnother(STALLED_NANOS);
        }
        return victim != null;
    }

    private ClientConnection oldest(ClientConnection.State state) {
        ClientConnection oldest = null;
        for (ClientConnection connection : connections) {
            if (connection.state() == state && !connection.isClosing() && (oldest == null || connection.since() - oldest.since() < 0)) {
                oldest = connection;
            }
        }
        return oldest;
    }

    private ClientConnection stalledLongest() {
        ClientConnection longest = null;
        for (ClientConnection connection : connections) {
            if (connection.isStalled(STALLED_NANOS) && !connection.isClosing()
                    && (longest == null || connection.progressSince() - longest.progressSince() < 0)) {
                longest = connection;
            }
        }
        return longest;
    }

    private void warn(String consequence) {
        long last = lastWarning.get();
        if (System.nanoTime() - last >= WARNING_NANOS && lastWarning.compareAndSet(last, System.nanoTime())) {
            LOG.warn("Port {} has as many connections as it may, {}: {}", port, bounds.connections(), consequence);
        }
    }

    /**
     * Closes connections until the memory of heads is within its bound: first those with much of it behind a request that is not answered
     * yet, which no client needs, then the heads that have been arriving longest.
     */
    void closeOldestHeads() {
        Set<ClientConnection> closing = new HashSet<>();
        while (heads.exceeded()) {
            ClientConnection victim = null;
            for (ClientConnection connection : connections) {
                if (!closing.contains(connection) && (victim == null || isBetterVictim(connection, victim))) {
                    victim = connection;
                }
            }
            if (victim == null || victim.behindCurrent() + victim.arrivingAlone() == 0) {
                return;
            }
            closing.add(victim);
            victim.close();
        }
    }

    private static boolean isBetterVictim(ClientConnection one, ClientConnection other) {
        long behind = one.behindCurrent() > MUCH_BEHIND ? one.behindCurrent() : 0;
        long othersBehind = other.behindCurrent() > MUCH_BEHIND ? other.behindCurrent() : 0;
        if (behind != othersBehind) {
            return behind > othersBehind;
        }
        boolean arriving = one.arrivingAlone() > 0;
        boolean othersArriving = other.arrivingAlone() > 0;
        if (arriving != othersArriving) {
            return arriving;
        }
        return arriving ? one.since() - other.since() < 0 : one.behindCurrent() > other.behindCurrent();
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

    /** Closes the connections that have done one thing for too long. */
    private void sweep() {
        long now = System.nanoTime();
        boolean late = now - lastSweep > 3 * tickNanos;
        lastSweep = now;
        if (late) {
            // The event loop or the process stood: bytes that have arrived meanwhile are read first.
            return;
        }
        for (ClientConnection connection : connections) {
            Duration longest = switch (connection.state()) {
                case IDLE -> bounds.idle();
                case ARRIVING -> bounds.arriving();
                case BUSY -> bounds.busy();
                case LEAVING -> LEAVING;
            };
            connection.look();
            if (longest != null && now - connection.since() > longest.toNanos() || connection.isStalled(bounds.idle().toNanos())) {
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
        timer.cancel(false);
        BY_PORT.remove(port, this);
    }
}
