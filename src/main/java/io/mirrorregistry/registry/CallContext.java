package io.mirrorregistry.registry;

import io.mirrorregistry.work.MemoryBudget;
import io.mirrorregistry.work.Place;
import java.time.Duration;
import org.apache.camel.Exchange;

/**
 * What the calls to registries for one request have in common. An exchange and its copies, such as the circuit breaker makes, carry the
 * same object. One thread at a time uses it.
 */
public class CallContext implements AutoCloseable {

    private static final String PROPERTY = "mirror.pull";

    private final String requestId;
    private final MemoryBudget.Share share;
    private final OpenBodies bodies = new OpenBodies();
    private final boolean ownId;
    private MirrorIdentity underWay;
    private String passed;
    private AnswerTime answerTime;
    private String plannedRegistry;
    private Long patienceEnd;
    private Registry registry;
    private Call call;
    /** The place of the call that is made now; null for none. */
    private Place callPlace;
    /** The place of the stream that the next call begins; null for none. */
    private Place streamPlace;
    private long waitedNanos;
    private boolean turnMissed;
    private boolean turnGivenUp;

    /**
     * @param requestId identifies the request in logs and at registries; null for none
     * @param ownId whether the mirror has made that id, rather than the client
     * @param share the memory that responses may take; null for no bound
     */
    protected CallContext(String requestId, boolean ownId, MemoryBudget.Share share) {
        this.requestId = requestId;
        this.ownId = ownId;
        this.share = share;
    }

    /** Returns what the exchange carries; null where the exchange does not come from a client. */
    public static CallContext of(Exchange exchange) {
        return exchange.getProperty(PROPERTY, CallContext.class);
    }

    /** Makes the exchange carry this. */
    public final void on(Exchange exchange) {
        exchange.setProperty(PROPERTY, this);
    }

    /** Returns the id of the request; null for none. */
    public final String requestId() {
        return requestId;
    }

    /** Registers an id that the mirror has made, so that a request which comes back with it is recognized. Only the first call has an effect. */
    final void register(MirrorIdentity self) {
        if (ownId && underWay == null) {
            underWay = self;
            self.begins(requestId);
        }
    }

    /** Returns whether the client has chosen the request's id. */
    public final boolean isIdGiven() {
        return !ownId;
    }

    /** Returns the mirrors that the request has passed, as {@link MirrorIdentity#passed} returns them; null for none. */
    public final String passed() {
        return passed;
    }

    public final void passed(String mirrors) {
        this.passed = mirrors;
    }

    /** Returns the time until the head of the response has to be out; null where no client waits for it. */
    public final AnswerTime answerTime() {
        return answerTime;
    }

    /** Returns whether no client waits for the response. */
    public final boolean isLookahead() {
        return answerTime != null && answerTime.lookahead();
    }

    public final void answerTime(AnswerTime time) {
        this.answerTime = time;
        if (share != null) {
            share.until(time.end());
        }
    }

    /** Returns the memory that responses may take; null for no bound. */
    public final MemoryBudget.Share share() {
        return share;
    }

    /** Returns the response bodies that nobody has closed yet. */
    public final OpenBodies bodies() {
        return bodies;
    }

    /** Returns the registry that was called last, or is about to be; null before the first. */
    public final Registry registry() {
        return registry;
    }

    /** Sets the registry that is about to be called. */
    public void registry(Registry chosen) {
        this.registry = chosen;
    }

    /** Sets the registry that the plan asks now; null for none. */
    protected final void plannedRegistry(String name) {
        this.plannedRegistry = name;
        this.patienceEnd = null;
    }

    /**
     * Returns whether a registry that does not respond may be given up, because another one can be asked instead.
     *
     * @param asked the registry that is about to be called
     */
    public boolean mayGiveUp(Registry asked) {
        return false;
    }

    /**
     * Begins or goes on with the patience for the registry that is asked. All calls that it is asked for share it, but none gets less than half of it.
     *
     * @param patience zero for none
     */
    final void patience(Duration patience) {
        long now = System.nanoTime();
        long least = now + patience.toNanos() / 2;
        if (patience.isZero()) {
            patienceEnd = null;
        } else if (patienceEnd == null) {
            patienceEnd = now + patience.toNanos();
        } else if (patienceEnd - least < 0) {
            patienceEnd = least;
        }
    }

    /** Returns when another registry is asked instead of this one, as {@link System#nanoTime}; null for never. */
    final Long patienceEnd() {
        return patienceEnd;
    }

    /** Returns the registry that the plan asks now, whose name the call's path has; null for none. */
    final String plannedRegistry() {
        return plannedRegistry;
    }

    /** Returns the call that is to be made next, or was just made; null before the first. */
    public final Call call() {
        return call;
    }

    public final void call(Call next) {
        this.call = next;
    }

    /** Keeps the place of the call that is about to be made, null for none, and gives back the place of the call before. */
    final void callPlace(Place taken) {
        if (callPlace != null) {
            callPlace.close();
        }
        callPlace = taken;
    }

    /** Keeps the place of the stream that the next call begins, null for none, and gives back one that no stream has taken over. */
    public final void streamPlace(Place taken) {
        if (streamPlace != null) {
            streamPlace.close();
        }
        streamPlace = taken;
    }

    /** Returns the place that was kept for the stream, which the caller has to close from now on; null for none. */
    public final Place takeStreamPlace() {
        Place taken = streamPlace;
        streamPlace = null;
        return taken;
    }

    /** Returns whether the plan has another registry that has not been asked yet, or passed over. */
    public boolean isAnotherLeft() {
        return false;
    }

    /**
     * Notes that the registry that the plan asks now has no place free. It is asked again, and waited for, once no other registry is left.
     *
     * @param busy what is thrown for now
     */
    public void passOver(RegistryTroubleException busy) {
    }

    /** Returns whether the client has gone before its answer was whole. For any thread. */
    public boolean abandoned() {
        return false;
    }

    /** Sets what is to be done, at once and on the event loop, when the client goes. */
    public void whenAbandoned(Runnable action) {
    }

    /** Returns how long the request has waited for its turn, all waits together. That time says nothing of a registry. */
    public final long waitedNanos() {
        return waitedNanos;
    }

    /** Adds a wait for a place that is over. */
    final void waited(long nanos) {
        waitedNanos += nanos;
    }

    /** Returns whether the request has waited for a place and got none in time. */
    public final boolean isTurnMissed() {
        return turnMissed;
    }

    /** Notes that the request has waited for a place and got none in time. */
    public final void missTurn() {
        turnMissed = true;
    }

    /** Returns whether the client has gone while the request waited for a place, so that nobody was asked. */
    public final boolean isTurnGivenUp() {
        return turnGivenUp;
    }

    /** Notes that the client has gone while the request waited for a place. */
    final void giveUpTurn() {
        turnGivenUp = true;
    }

    /** Makes the exception for a response of the last registry that cannot be used: "GET /v2/… was answered without a body". */
    public final RegistryTroubleException trouble(String how) {
        return new RegistryTroubleException(registry.name(), call + " was answered " + how);
    }

    /** Gives back what the request has taken: bodies, memory, its id. */
    @Override
    public void close() {
        bodies.close();
        callPlace(null);
        streamPlace(null);
        if (share != null) {
            share.close();
        }
        if (underWay != null) {
            underWay.ends(requestId);
            underWay = null;
        }
    }
}
