package io.mirrorregistry.health;

import io.github.resilience4j.circuitbreaker.CircuitBreaker;
import io.mirrorregistry.protocol.ApiPath;
import io.mirrorregistry.registry.Call;
import io.mirrorregistry.registry.Registry;
import io.mirrorregistry.registry.RegistryAnswers;
import io.mirrorregistry.registry.RegistryTroubleException;
import io.mirrorregistry.registry.Slowness;
import io.mirrorregistry.work.Guarded;
import java.io.IOException;
import java.io.OutputStream;
import java.util.concurrent.atomic.AtomicBoolean;
import org.apache.hc.core5.http.ClassicHttpResponse;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.slf4j.event.Level;

/**
 * Repeats the call for which one registry became slow, in the background and with its full time, until the registry is quick again: a pull that has
 * given the registry up cannot tell whether it is slow or hangs. At most one such call runs at a time. It counts in the circuit breaker like a call for
 * a client, so that a registry that hangs is not asked any more although no client waits for it.
 */
final class SlowRegistryProbe {

    private static final Logger LOG = LoggerFactory.getLogger(SlowRegistryProbe.class);

    private final Registry registry;
    private final Slowness slowness;
    private final ProbeThreads threads;
    private final Runnable probe;
    private final AtomicBoolean scheduled = new AtomicBoolean();

    SlowRegistryProbe(Registry registry, ProbeThreads threads) {
        this.registry = registry;
        this.slowness = registry.slowness();
        this.threads = threads;
        this.probe = threads.oneAtATime(new Guarded("repeat a call of " + registry.name(), this::probe));
    }

    /** Waits for the registry to become slow. */
    void start() {
        slowness.whenSlow(this::schedule);
    }

    private void schedule() {
        if (scheduled.compareAndSet(false, true)) {
            threads.after("repeat a call of " + registry.name(), slowness.untilRepeat(), () -> {
                scheduled.set(false);
                probe.run();
            });
        }
    }

    private void probe() {
        try {
            Call call = slowness.untilRepeat().isZero() ? slowness.repeat() : null;
            if (call != null && registry.breaker().tryAcquirePermission()) {
                repeat(call);
            }
        } finally {
            if (slowness.isSlow()) {
                schedule();
            }
        }
    }

    private void repeat(Call call) {
        CircuitBreaker breaker = registry.breaker();
        long start = breaker.getCurrentTimestamp();
        RegistryTroubleException trouble = null;
        boolean ended = false;
        try {
            trouble = ask(call);
            ended = true;
        } finally {
            if (!ended) {
                breaker.releasePermission();
            }
        }
        long taken = breaker.getCurrentTimestamp() - start;
        if (trouble == null) {
            breaker.onSuccess(taken, breaker.getTimestampUnit());
            registry.troubles().responded();
            return;
        }
        breaker.onError(taken, breaker.getTimestampUnit(), trouble);
        String more = registry.troubles().failed(trouble);
        LOG.atLevel(more == null ? Level.DEBUG : Level.WARN).addKeyValue("registry", registry.name())
                .log("Registry {} is in trouble: {}; it is asked last{}", registry.name(), trouble.getMessage(), more == null ? "" : more);
    }

    /** Returns the registry's trouble; null if it has responded. */
    private RegistryTroubleException ask(Call call) {
        try (ClassicHttpResponse response = registry.client().ask(call)) {
            RegistryTroubleException.Kind kind = response.getCode() < 400 ? null : RegistryAnswers.kind(response.getCode());
            if (kind == RegistryTroubleException.Kind.OUTAGE) {
                return new RegistryTroubleException(registry.name(), call + " answered " + response.getCode(), kind, null, response.getCode());
            }
            if (response.getEntity() != null && call.path().kind() == ApiPath.Kind.MANIFEST) {
                response.getEntity().getContent().transferTo(OutputStream.nullOutputStream());
            }
            return null;
        } catch (RegistryTroubleException e) {
            return e;
        } catch (IOException e) {
            return new RegistryTroubleException(registry.name(), call + " was answered with a body that broke off, or timed out");
        }
    }
}
