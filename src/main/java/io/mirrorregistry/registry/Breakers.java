package io.mirrorregistry.registry;

import io.github.resilience4j.circuitbreaker.CircuitBreaker;
import io.github.resilience4j.circuitbreaker.CircuitBreakerConfig;
import io.mirrorregistry.config.Settings.BreakerSettings;
import java.time.Duration;
import java.util.Set;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.LongSupplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.slf4j.event.Level;

/**
 * Makes the circuit breakers of registries. Only outages are failures. That a registry has not got something, or will not give it, is an
 * answer like any other, and so is 429: it counts as a success. A failure of the mirror itself, such as a fault in a route, does not count.
 */
public final class Breakers {

    private static final Logger LOG = LoggerFactory.getLogger(Breakers.class);
    /** The breaker stays open until a background probe succeeds, so that no pull pays for testing the registry. */
    private static final Duration UNTIL_PROBED = Duration.ofDays(365);

    /** The registry did not respond, and had less than its full time for it. */
    private static final Set<RegistryTroubleException.Kind> UNKNOWN = Set.of(RegistryTroubleException.Kind.NOT_ASKED,
            RegistryTroubleException.Kind.CUT_SHORT, RegistryTroubleException.Kind.SLOW);
    /** A chain of causes may have a loop. */
    private static final int MOST_CAUSES = 100;

    private Breakers() {
    }

    /**
     * Makes the breaker of one registry.
     *
     * @param log logs that it opens and closes
     * @param longestTrial how long trial calls may take together. A call that ends in an {@link Error} never gives its permission back, so
     *     that after this time the trial begins anew, rather than refusing all calls for ever.
     */
    public static CircuitBreaker create(TroubleLog log, BreakerSettings settings, Duration longestTrial) {
        return create(log, settings, longestTrial, System::nanoTime);
    }

    /** @param nanos the time, which nobody can set back */
    static CircuitBreaker create(TroubleLog log, BreakerSettings settings, Duration longestTrial, LongSupplier nanos) {
        String registry = log.registry();
        CircuitBreaker breaker = CircuitBreaker.of(registry, CircuitBreakerConfig.custom()
                .failureRateThreshold(settings.failureRate())
                .slidingWindowSize(settings.calls())
                .minimumNumberOfCalls(settings.minimumCalls())
                .permittedNumberOfCallsInHalfOpenState(settings.trialCalls())
                .waitDurationInOpenState(UNTIL_PROBED)
                .recordException(failure -> isOutage(answer(failure)))
                .ignoreException(failure -> answer(failure) == null)
                .build());
        AtomicLong trialBegan = new AtomicLong();
        breaker.getEventPublisher().onStateTransition(event -> {
            switch (event.getStateTransition().getToState()) {
                case OPEN -> LOG.atLevel(log.opened() ? Level.WARN : Level.DEBUG).addKeyValue("registry", registry)
                        .log("Registry {} fails too often and is not asked until a probe finds it up", registry);
                case HALF_OPEN -> {
                    trialBegan.set(nanos.getAsLong());
                    LOG.atDebug().addKeyValue("registry", registry).log("Registry {} responds to probes and is tried again", registry);
                }
                default -> log.closed();
            }
        });
        // Runs for the call that is refused, so that an idle trial costs nothing and may last.
        breaker.getEventPublisher().onCallNotPermitted(event -> {
            long began = trialBegan.get();
            long now = nanos.getAsLong();
            if (breaker.getState() == CircuitBreaker.State.HALF_OPEN && now - began > longestTrial.toNanos() && trialBegan.compareAndSet(began, now)) {
                LOG.info("Registry {} has been on trial for {} s; the trial begins anew", registry, longestTrial.toSeconds());
                // From half-open to half-open is no change that is published.
                breaker.transitionToHalfOpenState();
            }
        });
        return breaker;
    }

    private static boolean isOutage(Exception answer) {
        return answer instanceof RegistryTroubleException trouble && trouble.kind() == RegistryTroubleException.Kind.OUTAGE;
    }

    /** Returns the registry's answer among the causes, since Camel wraps exceptions; null where the registry gave none, or had no time for one. */
    private static Exception answer(Throwable failure) {
        Throwable cause = failure;
        for (int i = 0; cause != null && i < MOST_CAUSES; i++, cause = cause.getCause()) {
            if (cause instanceof NotHereException missing) {
                return missing;
            } else if (cause instanceof RegistryTroubleException trouble) {
                return UNKNOWN.contains(trouble.kind()) ? null : trouble;
            }
        }
        return null;
    }
}
