package io.mirrorregistry.registry;

import io.github.resilience4j.circuitbreaker.CircuitBreaker;
import io.mirrorregistry.config.RegistrySettings;
import io.mirrorregistry.config.Settings.BreakerSettings;
import io.mirrorregistry.protocol.ApiPath;
import io.mirrorregistry.protocol.RepositoryName;
import io.mirrorregistry.protocol.SizeLimits;
import io.mirrorregistry.work.Bulkhead;
import io.mirrorregistry.work.MemoryBudget;
import io.mirrorregistry.work.OnWorker;
import io.mirrorregistry.work.Place;
import java.io.IOException;
import java.io.InputStream;
import java.net.SocketTimeoutException;
import java.time.Duration;
import java.time.Instant;
import java.util.Arrays;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import org.apache.camel.Exchange;
import org.apache.camel.ExchangePropertyKey;
import org.apache.camel.Message;
import org.apache.camel.component.http.HttpMethods;
import org.apache.hc.core5.http.HttpHeaders;

/**
 * One registry, as routes use it: a bean under the registry's name. Its {@code prepare} readies the call that camel-http then
 * makes; {@code trouble} and {@code notHere} tell what the answer means.
 */
public final class Registry {

    /** The header that identifies a request at the registry. */
    private static final String REQUEST_ID = "X-Request-ID";
    private static final String TOO_MANY_CALLS = "too many calls are under way";
    private static final String FAILED_TOO_OFTEN = "it has failed too often";

    private final RegistrySettings settings;
    private final Caller client;
    private final TroubleLog troubles;
    private final CircuitBreaker breaker;
    private final Executor workers;
    private final MirrorIdentity self;
    /** Lives as long as the mirror, so that calls of routes that have been replaced count as well. */
    private final Bulkhead calls;
    private final int places;
    private volatile long servedAtMillis = Long.MIN_VALUE;
    /** Null while the circuit breaker is closed. */
    private volatile Instant failingSince;

    /**
     * @param client calls the registry; null for a folder of images
     * @param workers makes calls, where a route has run on the event loop so far
     * @param self the ids of requests that are under way
     * @param calls bounds the calls at a time for which clients wait. A call lasts until the end of a body that is read whole, such as a
     *     manifest's, and otherwise until the head
     */
    public Registry(RegistrySettings settings, BreakerSettings breaker, Caller client, Executor workers, MirrorIdentity self, Bulkhead calls) {
        this.workers = workers;
        this.self = self;
        this.calls = calls;
        this.places = calls.free();
        this.settings = settings;
        this.client = client;
        this.troubles = new TroubleLog(settings.name(), System::nanoTime);
        this.breaker = Breakers.create(troubles, breaker, longestTrial(settings));
        this.breaker.getEventPublisher().onStateTransition(event -> {
            if (event.getStateTransition().getFromState() == CircuitBreaker.State.CLOSED) {
                failingSince = Instant.now();
            } else if (event.getStateTransition().getToState() == CircuitBreaker.State.CLOSED) {
                failingSince = null;
            }
        });
    }

    /** Returns twice what a call may take: to connect, to the end of the head, and to the end of a body that is read whole. */
    private static Duration longestTrial(RegistrySettings settings) {
        return settings.connectTimeout().plus(settings.responseTimeout().multipliedBy(2)).multipliedBy(2);
    }

    public String name() {
        return settings.name();
    }

    public RegistrySettings settings() {
        return settings;
    }

    /** Returns whether the registry responds within its patience. */
    public Slowness slowness() {
        return client == null ? Slowness.NEVER : client.slowness();
    }

    /** Returns what calls this registry outside routes; null for a folder of images. */
    public Caller client() {
        return client;
    }

    /** Returns what keeps calls from this registry while it fails. */
    public CircuitBreaker breaker() {
        return breaker;
    }

    /** Returns when the circuit breaker opened after it was last closed; null while it is closed. */
    public Instant failingSince() {
        return failingSince;
    }

    /** Returns whether the registry lets us in, as far as its responses have shown. Does not block. */
    public AccountState accountState() {
        return client == null ? AccountState.FINE : client.accountState();
    }

    /** Returns what decides which troubles of this registry are logged. */
    public TroubleLog troubles() {
        return troubles;
    }

    /** Returns how many requests wait for their turn to call this registry. */
    public int waiting() {
        return calls.waiting();
    }

    /** Returns when a response was last received that was no error, as {@link System#currentTimeMillis} gives it; far in the past before the first. */
    public long servedAtMillis() {
        return servedAtMillis;
    }

    /** Returns a moving average of the milliseconds from a call to the head of its response; NaN while nothing was measured. */
    public double millisToFirstByte() {
        return client == null ? 0 : client.millisToFirstByte();
    }

    /** Returns whether all calls to this registry are made: its circuit breaker is closed, rather than open or half-open. */
    public boolean isAvailable() {
        return breaker.getState() == CircuitBreaker.State.CLOSED;
    }

    /**
     * Returns whether calls to this registry are made, at least as a trial: its circuit breaker is closed or half-open. A half-open breaker
     * closes only after calls, so whoever puts registries in order must not keep them from a registry that is on trial.
     */
    public boolean isTried() {
        return breaker.getState() != CircuitBreaker.State.OPEN;
    }

    /**
     * Returns the name of a repository at this registry, with the registry's prefix.
     *
     * @param name the name that is asked for; null for none
     * @return null if no repository can have that name
     */
    public RepositoryName nameThere(RepositoryName name) {
        boolean library = settings.library() && name != null && name.value().indexOf('/') < 0;
        if (name == null || !library && settings.prefix().isEmpty()) {
            return name;
        }
        String there = settings.prefix() + (library ? "library/" : "") + name;
        return RepositoryName.isValid(there) ? new RepositoryName(there) : null;
    }

    /**
     * Prepares the next {@link Call}: nothing of an earlier answer is left in the message, nothing else goes out. If too many calls are under way,
     * the request waits for its turn, without a thread and for as long as its time for an answer allows.
     *
     * @return what completes when the call can be made
     * @throws RegistryTroubleException if too many calls are under way, and the plan has another registry to ask meanwhile
     */
    @Step(needs = {"target", "call"}, sets = "message", fails = {RegistryTroubleException.class, ClientLeftException.class})
    public CompletionStage<Void> prepare(Exchange exchange) throws RegistryTroubleException {
        CallContext context = CallContext.of(exchange);
        if (context.plannedRegistry() != null && !context.plannedRegistry().equals(name())) {
            throw new IllegalStateException("a route calls the registry " + name() + " while the plan asks " + context.plannedRegistry()
                    + ", where the repository may have another name");
        }
        context.registry(this);
        Call call = context.call();
        Message message = exchange.getMessage();
        if (message.getBody() instanceof InputStream earlier) {
            // Nobody reads the body of the earlier response any more, and its connection is needed.
            OpenBodies.close(earlier);
        }
        message.removeHeaders("*");
        message.setBody(null);
        message.setHeader(Exchange.HTTP_METHOD, call.head() ? HttpMethods.HEAD : HttpMethods.GET);
        message.setHeader(Exchange.HTTP_PATH, call.path().toString());
        if (call.query() != null) {
            message.setHeader(Exchange.HTTP_QUERY, call.query());
        }
        if (call.accept() != null) {
            message.setHeader("Accept", call.accept());
        }
        if (call.range() != null) {
            message.setHeader("Range", call.range());
        }
        message.setHeader(RegistryAnswers.REDIRECTS, call.redirects().name());
        if (context.requestId() != null) {
            message.setHeader(REQUEST_ID, context.requestId());
            context.register(self);
        }
        if (context.passed() != null) {
            message.setHeader(HttpHeaders.VIA, context.passed());
        }
        if (context.answerTime() != null) {
            message.setHeader(AnswerTime.HEADER, context.answerTime().text());
        }
        context.patience(context.mayGiveUp(this) ? settings.patience() : Duration.ZERO);
        if (context.patienceEnd() != null) {
            message.setHeader(RegistryAnswers.PATIENCE_END, context.patienceEnd().toString());
        }
        return turn(context);
    }

    private CompletionStage<Void> turn(CallContext context) throws RegistryTroubleException {
        context.callPlace(null);
        if (client == null || context.answerTime() == null) {
            // A folder is not called, and nobody waits for the answer.
            return OnWorker.now(workers);
        }
        boolean lookahead = context.answerTime().lookahead();
        if (lookahead && 2 * (calls.free() - 1) < places) {
            throw notAsked(context, "no client waits for it, and half of the calls are under way");
        }
        Place place = calls.tryTake();
        if (place != null) {
            context.callPlace(place);
            return OnWorker.now(workers);
        }
        if (breaker.getState() == CircuitBreaker.State.OPEN) {
            throw notAsked(context, FAILED_TOO_OFTEN);
        }
        if (lookahead) {
            throw notAsked(context, TOO_MANY_CALLS);
        }
        if (context.isAnotherLeft()) {
            RegistryTroubleException busy = notAsked(context, TOO_MANY_CALLS);
            context.passOver(busy);
            throw busy;
        }
        AnswerTime time = context.answerTime();
        return Turns.await(context, calls.take(time.began(), time.left()), workers, taken -> begin(context, taken));
    }

    /** @param place null where the turn did not come in time */
    private void begin(CallContext context, Place place) throws RegistryTroubleException {
        if (place == null) {
            context.missTurn();
            throw notAsked(context, TOO_MANY_CALLS + ", and its turn did not come in time");
        }
        // While more is asked than the registry can answer, those that have waited longest would take all places for calls that cannot end in time.
        if (TimeUnit.NANOSECONDS.toMillis(context.answerTime().left()) < millisToFirstByte()) {
            place.close();
            context.missTurn();
            throw notAsked(context, TOO_MANY_CALLS + ", and its turn came too late for an answer");
        }
        context.callPlace(place);
    }

    private RegistryTroubleException notAsked(CallContext context, String why) {
        return new RegistryTroubleException(name(), context.call() + " was not asked: " + why, RegistryTroubleException.Kind.NOT_ASKED, null);
    }

    /**
     * Sets variables for the decision what the response means:
     *
     * <ul>
     * <li>{@code called}: what the registry was asked for, which for the referrers of a manifest may be a manifest: {@code manifest},
     *     {@code blob}, {@code tags} or {@code referrers}
     * <li>{@code webPage}: true if the response is a web page, which no registry sends
     * <li>{@code recognized}: false if nothing in an error shows that a registry sent it, although this registry has shown itself before
     * <li>{@code accepted}: false if the response is 401 or 403 and the registry does not accept us
     * </ul>
     */
    @Step(needs = {"call", "response"}, sets = {"called", "webPage", "recognized", "accepted"})
    public void examine(Exchange exchange) {
        exchange.setVariable("called", CallContext.of(exchange).call().path().kind().asked());
        exchange.setVariable("webPage", isWebPage(exchange));
        exchange.setVariable("recognized", isTrue(exchange, RegistryAnswers.RECOGNIZED));
        exchange.setVariable("accepted", isTrue(exchange, RegistryAnswers.ACCEPTED));
    }

    /** A blob from a storage may have any type: its digest proves it. */
    private static boolean isWebPage(Exchange exchange) {
        boolean fromStorage = exchange.getMessage().getHeader(RegistryAnswers.REDIRECTED) != null
                && CallContext.of(exchange).call().path().kind() == ApiPath.Kind.BLOB;
        return !fromStorage && RegistryAnswers.isWebPage(exchange.getMessage().getHeader(HttpHeaders.CONTENT_TYPE, String.class));
    }

    /** Returns whether a header of the mirror's own is true, as it is by default. */
    private static boolean isTrue(Exchange exchange, String header) {
        return !"false".equals(exchange.getMessage().getHeader(header));
    }

    /**
     * Says that the registry is in trouble, by what it has just answered with. A web page, or a 404 that is not the registry's own, is an outage;
     * an account that is not accepted is none, so that the registry is asked again as soon as the account is.
     */
    @Step(needs = {"call", "response"})
    public void trouble(Exchange exchange) throws RegistryTroubleException {
        int status = status(exchange);
        RegistryTroubleException.Kind kind = RegistryAnswers.kind(status);
        String how = "";
        closeUnread(exchange);
        if (!isTrue(exchange, RegistryAnswers.RECOGNIZED)) {
            kind = RegistryTroubleException.Kind.OUTAGE;
            how = " without anything that shows a registry";
        } else if (isWebPage(exchange) && (status < 400 || status == 401 || status == 403)) {
            kind = RegistryTroubleException.Kind.OUTAGE;
            how = " with a web page";
        } else if (!isTrue(exchange, RegistryAnswers.ACCEPTED)) {
            how = " and does not accept us";
        }
        if (kind == RegistryTroubleException.Kind.OUTAGE && CallContext.of(exchange).isLookahead()) {
            kind = RegistryTroubleException.Kind.CUT_SHORT;
        }
        throw new RegistryTroubleException(name(), answered(exchange, status) + how, kind,
                RegistryAnswers.retryAfter(exchange.getMessage().getHeader("Retry-After", String.class)), status);
    }

    /** Says that the registry has not got it, by the status it has just answered with. */
    @Step(needs = {"call", "response"})
    public void notHere(Exchange exchange) throws NotHereException {
        closeUnread(exchange);
        troubles.responded();
        throw new NotHereException(name(), answered(exchange, status(exchange)));
    }

    private static void closeUnread(Exchange exchange) {
        if (exchange.getMessage().getBody() instanceof InputStream unread) {
            OpenBodies.close(unread);
        }
    }

    /**
     * Receives the answer. A blob stays a stream; anything else is read whole, so that an answer that breaks off, takes too
     * long or is too large is the registry's trouble, whichever step comes next.
     *
     * @throws RegistryTroubleException when the answer is not to be had, or has more than 4 MiB, or a list of tags more than 16 MiB
     */
    @Step(needs = {"call", "response"}, sets = "response")
    public void receive(Exchange exchange) throws RegistryTroubleException {
        Message message = exchange.getMessage();
        try {
            if (message.getBody() instanceof InputStream stream) {
                receive(CallContext.of(exchange), message, stream);
            }
        } finally {
            CallContext.of(exchange).callPlace(null);
        }
        servedAtMillis = System.currentTimeMillis();
    }

    private void receive(CallContext context, Message message, InputStream stream) throws RegistryTroubleException {
        Call call = context.call();
        if (call.path().kind() != ApiPath.Kind.BLOB) {
            CallTime time = new CallTime(settings.responseTimeout(), context.answerTime(), context.patienceEnd());
            message.setBody(read(call, stream, RegistryAnswers.contentLength(message), context.share(), time));
        } else if (stream instanceof CutOffEntity.CutOffStream body) {
            // A circuitBreaker that Camel runs itself, such as one with a timeout, works on a copy of the exchange. At its end Camel closes what has
            // not been read.
            InputStream detached = body.detach();
            context.bodies().add(detached);
            message.setBody(detached);
        }
    }

    private byte[] read(Call call, InputStream stream, long length, MemoryBudget.Share share, CallTime time) throws RegistryTroubleException {
        int most = call.path().kind() == ApiPath.Kind.TAGS ? SizeLimits.TAG_LIST_BYTES : SizeLimits.MANIFEST_BYTES;
        try (stream) {
            if (length > most) {
                throw tooLarge(call, most);
            }
            boolean list = call.path().kind() == ApiPath.Kind.TAGS || call.path().kind() == ApiPath.Kind.REFERRERS;
            byte[] bytes = list ? readList(call, stream, length, most, share) : readWhole(call, stream, length, share);
            if (bytes.length > most) {
                throw tooLarge(call, most);
            }
            // At its end the connection is free again.
            if (bytes.length < length || stream.read() >= 0) {
                throw brokenOff(call);
            }
            return bytes;
        } catch (RegistryTroubleException e) {
            throw e;
        } catch (SocketTimeoutException e) {
            throw new RegistryTroubleException(name(), call + " was answered with a body that " + time.timedOut(), time.outage(), null);
        } catch (IOException e) {
            throw brokenOff(call);
        }
    }

    private byte[] readWhole(Call call, InputStream stream, long length, MemoryBudget.Share share) throws IOException {
        if (share != null) {
            // What an earlier call was answered with is of no use any more.
            share.keep(0);
        }
        try {
            if (length < 0) {
                return BodyReader.read(stream, SizeLimits.MANIFEST_BYTES, share, name());
            }
        } catch (BodyReader.NoMemoryException e) {
            throw noMemory(call);
        }
        if (share != null && !share.take((int) length)) {
            throw noMemory(call);
        }
        return stream.readNBytes((int) length);
    }

    /** A list of unknown length takes the memory for a long one only once it is longer than others. */
    private byte[] readList(Call call, InputStream stream, long length, int most, MemoryBudget.Share share) throws IOException {
        if (share != null && !share.takeForList(length < 0 ? SizeLimits.MANIFEST_BYTES : (int) length)) {
            throw noMemory(call);
        }
        byte[] bytes = stream.readNBytes(length < 0 ? SizeLimits.MANIFEST_BYTES + 1 : (int) length);
        if (length < 0 && bytes.length > SizeLimits.MANIFEST_BYTES && most > bytes.length) {
            if (share != null && !share.takeForList(most - SizeLimits.MANIFEST_BYTES)) {
                throw noMemory(call);
            }
            byte[] rest = stream.readNBytes(most + 1 - bytes.length);
            int read = bytes.length;
            bytes = Arrays.copyOf(bytes, read + rest.length);
            System.arraycopy(rest, 0, bytes, read, rest.length);
        }
        if (share != null && !share.keepForList(bytes.length)) {
            throw new RegistryTroubleException(name(), call + " was answered with a list that is more than there is memory for",
                    RegistryTroubleException.Kind.REFUSED, null);
        }
        return bytes;
    }

    private RegistryTroubleException noMemory(Call call) {
        return new RegistryTroubleException(name(), call + " was not read: other answers have the memory",
                RegistryTroubleException.Kind.REFUSED, null);
    }

    private RegistryTroubleException tooLarge(Call call, int most) {
        return new RegistryTroubleException(name(), call + " was answered with more than " + most + " bytes");
    }

    private RegistryTroubleException brokenOff(Call call) {
        return new RegistryTroubleException(name(), call + " was answered with a body that broke off");
    }

    /**
     * Says why the call failed, or why it was not made.
     *
     * @throws Exception the failure itself where it is the mirror's own, which says nothing of the registry
     */
    @Step(needs = {"call", "failure"})
    public void failed(Exchange exchange) throws NotHereException, RegistryTroubleException, Exception {
        // The circuit breaker takes what its fallback deals with for handled, and a doCatch around it would pass over it.
        exchange.removeProperty(ExchangePropertyKey.EXCEPTION_HANDLED);
        CallContext context = CallContext.of(exchange);
        // Not before the circuit breaker has counted the failure: if it is open now, it keeps all that wait from the registry.
        context.callPlace(null);
        Exception failure = exchange.getProperty(Exchange.EXCEPTION_CAUGHT, Exception.class);
        if (failure == null) {
            // Camel keeps to itself what kept the call from being made: the breaker, or the bulkhead of an earlier version's route file.
            throw notAsked(context, breaker.getState() == CircuitBreaker.State.CLOSED ? TOO_MANY_CALLS : FAILED_TOO_OFTEN);
        }
        for (Throwable cause = failure; cause != null; cause = cause.getCause()) {
            if (cause instanceof NotHereException missing) {
                throw missing;
            } else if (cause instanceof RegistryTroubleException trouble) {
                throw trouble;
            }
        }
        throw failure;
    }

    /** Returns the status of the last answer. */
    public static int status(Exchange exchange) {
        return exchange.getMessage().getHeader(Exchange.HTTP_RESPONSE_CODE, 0, Integer.class);
    }

    private static String answered(Exchange exchange, int status) {
        return CallContext.of(exchange).call() + " answered " + status;
    }

    /** Closes all connections. */
    public void close() {
        if (client != null) {
            client.shutDown();
        }
    }
}
