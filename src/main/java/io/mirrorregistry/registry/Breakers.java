package io.mirrorregistry.registry;

import io.github.resilience4j.circuitbreaker.CircuitBreaker;
import io.github.resilience4j.circuitbreaker.CircuitBreakerConfig;
import io.mirrorregistry.config.Settings.BreakerSettings;
import java.time.Duration;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Makes the circuit breakers of registries. Only outages open them: that a registry has not got something, or will not give it,
 * is an answer, and one that says 429 is to be heard by the client.
 */
public final class Breakers {

    private static final Logger LOG = LoggerFactory.getLogger(Breakers.class);
    /** Not time ends the open state but a probe that finds the registry up: pulls are not to pay for finding out. */
    private static final Duration UNTIL_PROBED = Duration.ofDays(365);

    private Breakers() {
    }

    /** Makes the breaker of one registry; it logs a line each time its state changes. */
    public static CircuitBreaker create(String registry, BreakerSettings settings) {
        CircuitBreaker breaker = CircuitBreaker.of(registry, CircuitBreakerConfig.custom()
                .failureRateThreshold(settings.failureRate())
                .slidingWindowSize(settings.calls())
                .minimumNumberOfCalls(settings.minimumCalls())
                .permittedNumberOfCallsInHalfOpenState(settings.trialCalls())
                .waitDurationInOpenState(UNTIL_PROBED)
                .recordException(Breakers::isOutage)
                .ignoreException(failure -> !isOutage(failure))
                .build());
        breaker.getEventPublisher().onStateTransition(event -> {
            switch (event.getStateTransition().getToState()) {
                case OPEN -> LOG.warn("{} fails too often and is not asked until a probe finds it up", registry);
                case HALF_OPEN -> LOG.info("{} was found up and is tried again", registry);
                default -> LOG.info("{} is asked as usual again", registry);
            }
        });
        return breaker;
    }

    /** Camel hands exceptions on wrapped. */
    private static boolean isOutage(Throwable failure) {
        for (Throwable cause = failure; cause != null; cause = cause.getCause()) {
            if (cause instanceof RegistryTroubleException trouble) {
                return trouble.kind() == RegistryTroubleException.Kind.OUTAGE;
            }
        }
        return false;
    }
}
