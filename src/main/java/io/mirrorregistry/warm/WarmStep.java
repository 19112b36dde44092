package io.mirrorregistry.warm;

import io.mirrorregistry.pull.KeptManifest;
import io.mirrorregistry.pull.Pull;
import io.mirrorregistry.registry.Step;
import org.apache.camel.Exchange;

/** The step {@code warm} of routes. */
public final class WarmStep {

    /** Null if nothing is copied. */
    private final Demand demand;

    WarmStep(Demand demand) {
        this.demand = demand;
    }

    /** Makes a step without effect. */
    public static WarmStep off() {
        return new WarmStep(null);
    }

    /**
     * Queues the image whose manifest is the answer, if a registry other than the destination has just served it, and was asked for it often enough
     * (mirror.warm.after). Does not block.
     */
    @Step(needs = {"plan", "answer"})
    public void queue(Exchange exchange) {
        if (demand != null) {
            demand.served(Pull.of(exchange), KeptManifest.answered(exchange));
        }
    }
}
