package io.mirrorregistry.server;

import io.mirrorregistry.reload.LiveRoutes;
import io.mirrorregistry.work.MemoryBudget;
import io.mirrorregistry.work.Workers;
import java.time.Duration;
import org.apache.camel.Processor;
import org.apache.camel.component.platform.http.PlatformHttpEndpoint;
import org.apache.camel.component.platform.http.spi.PlatformHttpConsumer;
import org.apache.camel.component.platform.http.spi.PlatformHttpEngine;

/** What {@code platform-http:} in routes stands for: the {@link ClientsServer}. */
public final class ClientsEngine implements PlatformHttpEngine {

    private final int port;
    private final Workers workers;
    private final MemoryBudget memory;
    private final Duration answerTime;
    private final EventLoopFastPath fastPath;
    private final LiveRoutes live;

    /** @param answerTime how long it may take from the arrival of a request to the head of its response */
    public ClientsEngine(int port, Workers workers, MemoryBudget memory, Duration answerTime, EventLoopFastPath fastPath, LiveRoutes live) {
        this.port = port;
        this.workers = workers;
        this.memory = memory;
        this.answerTime = answerTime;
        this.fastPath = fastPath;
        this.live = live;
    }

    @Override
    public PlatformHttpConsumer createConsumer(PlatformHttpEndpoint endpoint, Processor processor) {
        return new ClientsConsumer(endpoint, processor, port, workers, memory, answerTime, fastPath, live);
    }

    @Override
    public int getServerPort() {
        return port;
    }
}
