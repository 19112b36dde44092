package io.mirrorregistry.server;

import io.mirrorregistry.reload.LiveRoutes;
import io.mirrorregistry.work.MemoryBudget;
import io.mirrorregistry.work.Workers;
import org.apache.camel.Processor;
import org.apache.camel.component.platform.http.PlatformHttpEndpoint;
import org.apache.camel.component.platform.http.spi.PlatformHttpConsumer;
import org.apache.camel.component.platform.http.spi.PlatformHttpEngine;

/** What {@code platform-http:} in routes stands for: the {@link ClientsServer}. */
public final class ClientsEngine implements PlatformHttpEngine {

    private final int port;
    private final Workers workers;
    private final MemoryBudget memory;
    private final EventLoopFastPath fastPath;
    private final LiveRoutes live;

    public ClientsEngine(int port, Workers workers, MemoryBudget memory, EventLoopFastPath fastPath, LiveRoutes live) {
        this.port = port;
        this.workers = workers;
        this.memory = memory;
        this.fastPath = fastPath;
        this.live = live;
    }

    @Override
    public PlatformHttpConsumer createConsumer(PlatformHttpEndpoint endpoint, Processor processor) {
        return new ClientsConsumer(endpoint, processor, port, workers, memory, fastPath, live);
    }

    @Override
    public int getServerPort() {
        return port;
    }
}
