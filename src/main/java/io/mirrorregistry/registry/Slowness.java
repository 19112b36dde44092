package io.mirrorregistry.registry;

import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.slf4j.event.Level;

/**
 * Whether one registry responds within its patience, {@code mirror.registry.NAME.patience}. Calls for manifests and blobs decide, and probes.
 *
 * <p>A quick registry becomes slow with the first late response, and silent if it has not responded at all. Slow and silent, it becomes quick again
 * with the first quick response; see {@link #isBelieved}. The call that was late is repeated in the background until then, because {@code GET /v2/} may
 * be quick while images are not.
 *
 * <p>Any thread may call all methods. The lock of this object guards all fields that are not volatile; a registry that is quick costs two reads for
 * each call.
 */
public final class Slowness {

    /** For a registry that is never slow, such as a folder of images. */
    public static final Slowness NEVER = new Slowness("", Duration.ZERO);

    private static final Logger LOG = LoggerFactory.getLogger(Slowness.class);
    private static final long MINUTE = TimeUnit.MINUTES.toNanos(1);
    private static final long LONGEST_HOLD = TimeUnit.MINUTES.toNanos(10);
    /** The time between two repeated calls of a registry that responds, and the shortest hold, in times of the patience. */
    private static final int LONG_PAUSE = 5;
    /** So many quick calls for images show that a registry is well. */
    private static final int WELL = 5;

    /** How a registry responds; those with the first pace are asked first. */
    public enum Pace {
        /** Within its patience. */
        QUICK,
        /** Later than that. */
        SLOW,
        /** It has not responded to the last calls that were late, within its patience or its full time. */
        SILENT
    }

    /** The end of a call. */
    public enum Ending {
        /** A response that can be used, also one that says "not here". */
        RESPONSE,
        /** An error such as 500, or a head whose body is still to arrive. */
        OTHER_RESPONSE,
        /** No response within the patience. */
        NOT_YET,
        /** No response within the full time of the call. */
        NO_RESPONSE
    }

    private final String registry;
    private final long patience;
    private final LongSupplier nanos;
    private volatile Pace pace = Pace.QUICK;
    /** Whether the registry has been slow, and has not shown since that it is well. */
    private volatile boolean doubtful;
    private volatile Runnable whenSlow = () -> { };
    /** What the last late call showed, and when the registry became slow; null while it is quick, as is the next field. */
    private String how;
    private Instant since;
    /** The first late call. */
    private Call late;
    /** When it became slow, and when it was last late or the call was last repeated. */
    private long began;
    private long lastLate;
    /** How long it stays slow at least. */
    private long hold;
    private int quickCalls;
    private boolean told;
    /** Null before the first warning. */
    private Long lastTold;

    /** @param patience zero for a registry that is never slow */
    public Slowness(String registry, Duration patience) {
        this(registry, patience, System::nanoTime);
    }

    /** @param nanos the time, which nobody can set back */
    Slowness(String registry, Duration patience, LongSupplier nanos) {
        this.registry = registry;
        this.patience = patience.toNanos();
        this.nanos = nanos;
    }

    public Pace pace() {
        return pace;
    }

    /** Returns whether the registry is slow or silent, so that it is asked last. */
    public boolean isSlow() {
        return pace != Pace.QUICK;
    }

    /** Returns whether a call that took so long changes anything. */
    public boolean concerns(long nanosTaken) {
        return patience > 0 && (doubtful || isSlow() || nanosTaken >= patience);
    }

    /** Returns a phrase on why the registry is slow, and since when; null while it is quick. */
    public synchronized String problem() {
        return since == null ? null : "it is slow (since " + since.truncatedTo(ChronoUnit.SECONDS) + ") and is asked last: " + how;
    }

    /** Sets what is run whenever the registry becomes slow. It runs on the thread of a call and must return at once. */
    public void whenSlow(Runnable action) {
        if (patience > 0) {
            whenSlow = action;
        }
    }

    /** Notes the end of a call that {@link #concerns} this object. */
    public void ended(Call call, long nanosTaken, Ending ending) {
        if (patience > 0 && note(call, nanosTaken, ending)) {
            whenSlow.run();
        }
    }

    /** Returns whether the registry has become slow. */
    private synchronized boolean note(Call call, long taken, Ending ending) {
        boolean silent = ending == Ending.NOT_YET || ending == Ending.NO_RESPONSE;
        if (taken < patience && ending != Ending.NOT_YET) {
            if (ending == Ending.RESPONSE) {
                quick(call, taken);
            }
            return false;
        }
        long now = nanos.getAsLong();
        boolean begins = pace == Pace.QUICK;
        if (begins) {
            hold = doubtful ? Math.max(LONG_PAUSE * patience, Math.min(LONGEST_HOLD, 2 * hold)) : 0;
            began = now;
            since = Instant.now();
            late = call;
        }
        lastLate = now;
        how = call + switch (ending) {
            case NOT_YET -> " got no response within " + CallTime.seconds(patience);
            case NO_RESPONSE -> " got no response within " + CallTime.seconds(taken);
            default -> " was answered after " + CallTime.seconds(taken);
        };
        // A registry that is known to respond late is not silent after a call that was given up.
        pace = !silent || ending == Ending.NOT_YET && pace == Pace.SLOW ? Pace.SLOW : Pace.SILENT;
        if (begins) {
            tell(now);
        }
        return begins;
    }

    private void tell(long now) {
        told = lastTold == null || now - lastTold >= MINUTE;
        lastTold = told ? Long.valueOf(now) : lastTold;
        LOG.atLevel(told ? Level.WARN : Level.DEBUG).addKeyValue("registry", registry)
                .log("Registry {} is slow: {}; it is asked last until it is quick", registry, how);
    }

    private void quick(Call call, long taken) {
        boolean isOfImage = call.path().reference() != null;
        if (pace == Pace.QUICK) {
            quickCalls += isOfImage ? 1 : 0;
            doubtful = quickCalls < WELL;
        } else if (isBelieved(isOfImage)) {
            pace = Pace.QUICK;
            doubtful = true;
            quickCalls = 0;
            how = null;
            since = null;
            late = null;
            LOG.atLevel(told ? Level.INFO : Level.DEBUG).addKeyValue("registry", registry).log("Registry {} is quick again: {} was answered after {}",
                    registry, call, CallTime.seconds(taken));
        } else {
            pace = Pace.SLOW;
        }
    }

    /**
     * Returns whether a quick response shows that the registry is quick again. A quick response of {@code /v2/} shows nothing if a call for an image was
     * late. A registry that became slow again before it was well stays slow for a time, which doubles each time: otherwise one that
     * is slow for some calls only would make a pull wait for its patience again and again.
     */
    private boolean isBelieved(boolean isOfImage) {
        boolean sameKind = isOfImage || late.path().reference() == null;
        return sameKind && nanos.getAsLong() - began >= hold;
    }

    /**
     * Returns the late call as it is to be repeated. While the registry is silent, this is the same call, so that its full time shows whether the registry
     * is slow or hangs. A registry that responds gets a HEAD, which registries do not count as a pull. Null while the registry is quick.
     */
    public synchronized Call repeat() {
        if (late == null) {
            return null;
        }
        lastLate = nanos.getAsLong();
        return pace == Pace.SILENT || late.path().reference() == null ? late : new Call(true, late.path(), null, late.accept(), null, late.redirects());
    }

    /** Returns how long the late call is not to be repeated; zero if it is due. A pull that is late in the meantime shows as much. */
    public synchronized Duration untilRepeat() {
        long pause = pace == Pace.SLOW ? LONG_PAUSE * patience : patience;
        return Duration.ofNanos(Math.max(0, lastLate + pause - nanos.getAsLong()));
    }
}
