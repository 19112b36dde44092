package io.mirrorregistry.pull;

import io.mirrorregistry.logging.RepeatedFault;
import io.mirrorregistry.plan.Strategy;
import io.mirrorregistry.plan.Strategy.PlanRequest;
import io.mirrorregistry.protocol.Reference;
import io.mirrorregistry.registry.RegistryTroubleException;
import io.mirrorregistry.registry.Step;
import io.mirrorregistry.work.FatalErrors;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import org.apache.camel.Exchange;
import org.slf4j.LoggerFactory;
import org.slf4j.event.Level;

/** The step {@code strategy.NAME} of routes: sets the plan as a {@link Strategy} decides. */
public final class StrategyStep {

    private final RepeatedFault faults = new RepeatedFault(LoggerFactory.getLogger(StrategyStep.class), Level.ERROR);
    private final String name;
    private final Strategy strategy;
    private final PlanStep plan;
    /** Whether the log has a stack trace. Each generation of routes has a step of its own, and so a stack trace of its own. */
    private final AtomicBoolean hasFailed = new AtomicBoolean();

    /** @param name the strategy's name, as it was when the strategy was loaded */
    public StrategyStep(String name, Strategy strategy, PlanStep plan) {
        this.name = name;
        this.strategy = strategy;
        this.plan = plan;
    }

    /**
     * Sets the plan.
     *
     * @throws RegistryTroubleException when the strategy fails; the mirror responds 503
     */
    @Step(needs = "request", sets = {"plan", "next"})
    public void plan(Exchange exchange) throws RegistryTroubleException {
        Pull pull = Pull.of(exchange);
        List<String> order;
        try {
            order = List.copyOf(strategy.order(request(pull), plan.registriesFor(pull)));
        } catch (Throwable e) {
            // A jar may throw any Error, such as a ServiceConfigurationError.
            FatalErrors.check(e);
            faults.log(e.getClass().getName(), null, pull.requestId(), hasFailed.getAndSet(true) ? null : e,
                    "The strategy " + name + " failed for " + pull.request().path() + "; nobody is asked: " + e);
            throw new RegistryTroubleException(Pull.NOBODY, pull.request().path() + " was not asked: the strategy " + name + " failed",
                    RegistryTroubleException.Kind.NOT_ASKED, null);
        }
        // Nobody is left out for a strategy that finds nobody well: an outage must not look as if the image were missing.
        plan.set(exchange, order.isEmpty() ? plan.registriesFor(pull).planned() : order);
    }

    private static PlanRequest request(Pull pull) {
        Reference reference = pull.request().path().reference();
        return new PlanRequest(pull.namespace(), pull.planning().name() == null ? "" : pull.planning().name().value(),
                reference == null ? "" : reference.value(), pull.clientAddress() == null ? "" : pull.clientAddress());
    }
}
