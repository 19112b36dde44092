package io.mirrorregistry.registry;

import io.mirrorregistry.logging.Spans;
import java.util.HashSet;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Decides which events of one registry's trouble are logged, so that an outage is a few lines, however many calls fail.
 *
 * <p>A period of trouble begins with the first failed call after the registry was well. Each kind of trouble is logged once in a period. The
 * period ends with the next response that can be used; if the circuit breaker is open, with the end of its trial. That is logged with the number
 * of calls. If calls fail again within a minute of the last warning, the registry is intermittent: the same period goes on, at most one
 * warning a minute is logged, and the period ends with the first useful response after a minute without a failure.
 *
 * <p>Any thread may call all methods. The lock of this object guards all fields; {@code failing} is read without it, so that a registry that is
 * well costs one read for each response.
 */
public final class TroubleLog {

    private static final Logger LOG = LoggerFactory.getLogger(TroubleLog.class);
    private static final long MINUTE = TimeUnit.MINUTES.toNanos(1);

    private final String registry;
    private final LongSupplier nanos;
    private final Set<String> toldKinds = new HashSet<>();
    private volatile boolean failing;
    private boolean intermittent;
    /** Whether something has changed that no warning has told yet. */
    private boolean untold;
    private boolean breakerOpen;
    private boolean toldBreaker;
    private int failed;
    private int notMade;
    private long began;
    private long lastFailure;
    private final LastLine warning = new LastLine();
    private final LastLine down = new LastLine();
    private boolean toldDown;

    /** When a line was last logged. */
    private static final class LastLine {

        private boolean logged;
        private long at;

        private boolean isWithinMinute(long now) {
            return logged && now - at < MINUTE;
        }

        private void logged(long now) {
            logged = true;
            at = now;
        }
    }

    /** @param nanos the time, which nobody can set back */
    TroubleLog(String registry, LongSupplier nanos) {
        this.registry = registry;
        this.nanos = nanos;
    }

    String registry() {
        return registry;
    }

    /**
     * Counts a call that failed, or was not made.
     *
     * @return what a warning about the call has to add, maybe nothing; null if no warning is to be logged
     */
    public synchronized String failed(RegistryTroubleException trouble) {
        long now = nanos.getAsLong();
        if (!failing) {
            begin(now);
        }
        lastFailure = now;
        boolean made = trouble.kind() != RegistryTroubleException.Kind.NOT_ASKED;
        if (made) {
            failed++;
        } else {
            notMade++;
        }
        String kind = trouble.kind() + " " + trouble.status();
        boolean change = untold || made && !toldKinds.contains(kind);
        if (!change || warning.isWithinMinute(now)) {
            return null;
        }
        untold = false;
        toldKinds.add(kind);
        warning.logged(now);
        return failed + notMade == 1 ? "" : "; " + counts(now);
    }

    private void begin(long now) {
        failing = true;
        untold = true;
        if (warning.isWithinMinute(now)) {
            intermittent = true;
            return;
        }
        intermittent = false;
        toldBreaker = false;
        toldKinds.clear();
        failed = 0;
        notMade = 0;
        began = now;
        lastFailure = now;
    }

    private String counts(long now) {
        return failed + (failed == 1 ? " call" : " calls") + " failed in " + Spans.text(now - began)
                + (notMade == 0 ? "" : ", " + notMade + (notMade == 1 ? " was" : " were") + " not made");
    }

    /** Notes that the registry has sent a response that can be used. */
    public void responded() {
        if (failing) {
            end();
        }
    }

    private synchronized void end() {
        long now = nanos.getAsLong();
        if (!failing || breakerOpen) {
            return;
        }
        if (intermittent && now - lastFailure < MINUTE) {
            untold = true;
            return;
        }
        failing = false;
        LOG.atInfo().addKeyValue("registry", registry).log("Registry {} responds again{}", registry, failed == 0 ? "" : ": " + counts(now));
    }

    /** Notes that the circuit breaker has opened. Returns whether a warning is to be logged. */
    synchronized boolean opened() {
        breakerOpen = true;
        if (!failing) {
            begin(nanos.getAsLong());
        }
        boolean first = !toldBreaker;
        toldBreaker = true;
        return first;
    }

    /** Notes that the circuit breaker has closed. */
    synchronized void closed() {
        breakerOpen = false;
        end();
    }

    /** Notes the result of a probe. Returns whether it is to be logged: a change, but not more than one failure a minute. */
    public synchronized boolean probed(boolean up) {
        if (up) {
            boolean change = toldDown;
            toldDown = false;
            return change;
        }
        long now = nanos.getAsLong();
        if (toldDown || down.isWithinMinute(now)) {
            return false;
        }
        toldDown = true;
        down.logged(now);
        return true;
    }
}
