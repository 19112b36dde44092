package io.mirrorregistry.pull;

import io.mirrorregistry.registry.NotHereException;
import io.mirrorregistry.registry.RegistryTroubleException;
import io.mirrorregistry.registry.Step;
import java.util.List;
import org.apache.camel.Exchange;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The step {@code failures} of routes: remembers why a registry could not serve, and says what that comes to. */
public final class FailuresStep {

    private static final Logger LOG = LoggerFactory.getLogger(FailuresStep.class);
    /** The variable that tells what the failures come to: {@code missing}, {@code throttled} or {@code outage}. */
    private static final String OUTCOME = "outcome";

    /** Remembers the failure that has just been caught, and logs it. */
    @Step(needs = "failure", sets = "failures")
    public void remember(Exchange exchange) {
        Exception failure = exchange.getProperty(Exchange.EXCEPTION_CAUGHT, Exception.class);
        Pull pull = Pull.of(exchange);
        if (pull.failures().contains(failure)) {
            return;
        }
        if (failure instanceof RegistryTroubleException trouble) {
            if (!trouble.registry().equals(Pull.NOBODY)) {
                LOG.atWarn().addKeyValue("request_id", pull.requestId())
                        .log("Registry {} is in trouble: {}", trouble.registry(), trouble.getMessage());
            }
            pull.attemptFailed(failure, new Pull.Fallback(trouble.registry(), trouble.kind().label(), trouble.getMessage()));
        } else if (failure instanceof NotHereException missing) {
            LOG.debug("Registry {} has not got it: {}", missing.registry(), missing.getMessage());
            pull.attemptFailed(failure, new Pull.Fallback(missing.registry(), "not-here", missing.getMessage()));
        }
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
