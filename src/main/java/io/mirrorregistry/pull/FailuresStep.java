package io.mirrorregistry.pull;

import io.mirrorregistry.registry.NotHereException;
import io.mirrorregistry.registry.Registry;
import io.mirrorregistry.registry.RegistryTroubleException;
import io.mirrorregistry.registry.Step;
import java.util.List;
import java.util.Map;
import org.apache.camel.Exchange;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.slf4j.event.Level;

/** The step {@code failures} of routes: remembers why a registry could not serve, and says what that comes to. */
public final class FailuresStep {

    private static final Logger LOG = LoggerFactory.getLogger(FailuresStep.class);
    /** The variable that tells what the failures come to: {@code missing}, {@code throttled} or {@code outage}. */
    private static final String OUTCOME = "outcome";

    private final Map<String, Registry> registries;

    /** @param registries all that settings define, by name */
    public FailuresStep(Map<String, Registry> registries) {
        this.registries = Map.copyOf(registries);
    }

    /** Remembers the failure that has just been caught, and logs it. */
    @Step(needs = "failure", sets = "failures")
    public void remember(Exchange exchange) {
        Exception failure = exchange.getProperty(Exchange.EXCEPTION_CAUGHT, Exception.class);
        Pull pull = Pull.of(exchange);
        if (pull.failures().contains(failure)) {
            return;
        }
        if (failure instanceof RegistryTroubleException trouble) {
            pull.attemptFailed(failure, new Pull.Fallback(trouble.registry(), trouble.kind().label(), trouble.getMessage()));
            if (trouble.kind() == RegistryTroubleException.Kind.SLOW) {
                // That the registry is slow is logged once, not for each pull.
                LOG.atDebug().addKeyValue("registry", trouble.registry()).addKeyValue("request_id", pull.requestId())
                        .log("Registry {} is slow: {}; asking {}", trouble.registry(), trouble.getMessage(), pull.nextRegistry());
            } else if (registries.containsKey(trouble.registry()) && !pull.isLookahead()) {
                log(pull, trouble);
            }
        } else if (failure instanceof NotHereException missing) {
            pull.attemptFailed(failure, new Pull.Fallback(missing.registry(), "not-here", missing.getMessage()));
        }
    }

    private void log(Pull pull, RegistryTroubleException trouble) {
        String more = registries.get(trouble.registry()).troubles().failed(trouble);
        String next = pull.nextRegistry();
        LOG.atLevel(more == null ? Level.DEBUG : Level.WARN).addKeyValue("registry", trouble.registry()).addKeyValue("request_id", pull.requestId())
                .log("Registry {} is in trouble: {}; {}{}", trouble.registry(), trouble.getMessage(),
                        next == null ? "no other registry is left" : "asking " + next, more == null ? "" : more);
    }

    /**
     * Remembers the failure that has just been caught, and sets the variable {@code next} to true.
     *
     * @throws Exception that failure, if no other registry of the plan is left to be asked
     */
    @Step(needs = {"plan", "failure"}, sets = {"failures", "next"})
    public void passOver(Exchange exchange) throws Exception {
        remember(exchange);
        if (!Pull.of(exchange).isNext()) {
            throw exchange.getProperty(Exchange.EXCEPTION_CAUGHT, Exception.class);
        }
        exchange.setVariable(PlanStep.NEXT, true);
    }

    /** Sets the variable {@code outcome} from all failures of this pull. */
    @Step(needs = "failures", sets = "outcome")
    public void judge(Exchange exchange) {
        List<RegistryTroubleException> troubles = Pull.of(exchange).troubles();
        String outcome;
        if (troubles.isEmpty()) {
            outcome = "missing";
        } else if (troubles.stream().allMatch(RegistryTroubleException::throttled)) {
            outcome = "throttled";
        } else {
            outcome = "outage";
        }
        exchange.setVariable(OUTCOME, outcome);
    }
}
