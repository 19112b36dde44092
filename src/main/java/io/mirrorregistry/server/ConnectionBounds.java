package io.mirrorregistry.server;

import com.sun.management.UnixOperatingSystemMXBean;
import io.mirrorregistry.config.Settings.ServerSettings;
import java.lang.management.ManagementFactory;
import java.time.Duration;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Works out how many connections each port may have: from the limit on open files, so that calls to registries and the management port
 * always find one, and from the heap, so that idle connections do not fill it.
 */
public final class ConnectionBounds {

    private static final Logger LOG = LoggerFactory.getLogger(ConnectionBounds.class);
    private static final int MANAGEMENT = 32;
    /** Files that the program opens besides: routes, images, sockets that listen, the log, what Java loads later. */
    private static final int OTHER_FILES = 32;
    private static final int LEAST = 8;
    private static final int LOW = 1000;
    /**
     * Heap bytes of a connection, plain and with TLS. An idle one was measured at 4 and 7 kB; a request under way takes as much again, and with
     * TLS the buffers outside of the heap take 20 kB. All connections may take a quarter of the heap.
     */
    private static final int PLAIN_BYTES = 8 * 1024;
    private static final int TLS_BYTES = 24 * 1024;
    private static final Duration LONGEST_MANAGEMENT_ANSWER = Duration.ofSeconds(60);

    private ConnectionBounds() {
    }

    /** Returns the bounds of the clients' port, and logs a warning where the limit on open files is low. */
    static ConnectionLimits.Bounds ofClients(ServerSettings settings) {
        int connections = settings.maxConnections() > 0 ? settings.maxConnections() : connections(settings.tls() != null);
        return new ConnectionLimits.Bounds(connections, settings.idleTimeout(), shorter(settings.headTimeout(), settings.idleTimeout()), null,
                settings.maxHeaderLines(), settings.maxPipelined(), Runtime.getRuntime().maxMemory() / 8, Runtime.getRuntime().maxMemory() / 2);
    }

    /** Returns the bounds of the management port: a few clients, who read short answers. */
    public static ConnectionLimits.Bounds ofManagement(ServerSettings settings) {
        return new ConnectionLimits.Bounds(MANAGEMENT, settings.idleTimeout(), shorter(settings.headTimeout(), settings.idleTimeout()),
                LONGEST_MANAGEMENT_ANSWER, settings.maxHeaderLines(), MANAGEMENT, Runtime.getRuntime().maxMemory() / 64,
                Runtime.getRuntime().maxMemory() / 16);
    }

    private static Duration shorter(Duration one, Duration other) {
        return one.compareTo(other) < 0 ? one : other;
    }

    private static int connections(boolean tls) {
        long byHeap = Runtime.getRuntime().maxMemory() / 4 / (tls ? TLS_BYTES : PLAIN_BYTES);
        if (!(ManagementFactory.getOperatingSystemMXBean() instanceof UnixOperatingSystemMXBean system)) {
            return (int) Math.max(LEAST, Math.min(Integer.MAX_VALUE, byHeap));
        }
        long limit = system.getMaxFileDescriptorCount();
        // Half for clients, half for the calls to registries that their requests need.
        long byFiles = Math.max(LEAST, (limit - system.getOpenFileDescriptorCount() - MANAGEMENT - OTHER_FILES) / 2);
        if (byFiles < Math.min(LOW, byHeap)) {
            LOG.warn("The limit on open files is low ({}), so that at most {} clients can be connected at a time; raise it (ulimit -n 65536)",
                    limit, byFiles);
        }
        return (int) Math.max(LEAST, Math.min(Integer.MAX_VALUE, Math.min(byFiles, byHeap)));
    }
}
