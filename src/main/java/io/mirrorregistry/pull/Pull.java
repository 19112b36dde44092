package io.mirrorregistry.pull;

import io.mirrorregistry.plan.Plan;
import io.mirrorregistry.protocol.ApiPath;
import io.mirrorregistry.protocol.ApiRequest;
import io.mirrorregistry.protocol.Digest;
import io.mirrorregistry.protocol.PushRequest;
import io.mirrorregistry.protocol.RepositoryName;
import io.mirrorregistry.registry.CallContext;
import io.mirrorregistry.registry.NotHereException;
import io.mirrorregistry.registry.PushBody;
import io.mirrorregistry.registry.Registry;
import io.mirrorregistry.registry.RegistryTroubleException;
import io.mirrorregistry.work.MemoryBudget;
import io.vertx.core.http.HttpConnection;
import io.vertx.core.http.HttpHeaders;
import io.vertx.core.http.HttpMethod;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.core.http.HttpServerResponse;
import java.util.ArrayList;
import java.util.List;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.apache.camel.Exchange;

/**
 * All that the mirror knows of one request: what is asked for, the plan, the attempts at registries and their failures, and who served. One
 * thread at a time works on it; the access log reads it at the end, and the event loop may say at any time that the client has gone.
 */
public final class Pull extends CallContext {

    /** Stands for a registry where none was asked. */
    public static final String NOBODY = "none";

    private static final int LONGEST_USER_AGENT = 512;

    private final HttpServerRequest client;
    private final HttpServerResponse response;
    private final boolean head;
    private final List<Exception> failures = new ArrayList<>(2);
    private final List<Fallback> attempts = new ArrayList<>(2);
    private final List<Plan.Target> failed = new ArrayList<>(2);
    /**
     * The targets that did not respond within their patience, or had too much to do, and the failure that says so. They are asked once more when no
     * other is left.
     */
    private List<PassedOver> passedOver = List.of();
    private volatile List<Fallback> fallbacks = List.of();
    private volatile ApiRequest request;
    private volatile String servedBy;
    private volatile boolean abandoned;
    private volatile Runnable whenAbandoned;
    private volatile String user;
    private volatile boolean loginRefused;

    private PushRequest push;
    private volatile boolean pushAttempted;
    private PushBody body;
    private Object upload;
    private String allow = "GET, HEAD";
    private ApiPath parsed;
    private String namespace = "";
    private String givenNamespace;
    private String clientAddress = "";
    private Planning planning;
    private UnaryOperator<List<Plan.Target>> ordering = UnaryOperator.identity();
    /** The targets of the plan in the order of asking; null while nobody has wanted it. */
    private List<Plan.Target> order;
    private int next;
    private Plan.Target target;
    /** The registry whose response broke off first. */
    private Plan.Target broken;
    /** Whether that one is still to be asked once more, after all others. */
    private boolean again;
    /** Whether the target was given up before, and has its full time now. */
    private boolean askedAgain;

    private KeptManifest toBeConfirmed;
    private BlobStep.Found found;
    private ListStep.Gathered gathered;
    private boolean streamExpected;
    private Object lookup;

    /**
     * Why a registry could not serve.
     *
     * @param registry its name
     * @param reason in a word
     * @param message what was asked and what happened
     */
    public record Fallback(String registry, String reason, String message) {
    }

    private record PassedOver(Plan.Target target, Exception busy) {
    }

    /**
     * Makes the context of a client's request.
     *
     * @param client the request as it came in
     * @param response where steps write that stream
     * @param requestId identifies the request in logs and at registries
     * @param ownId whether the mirror has made that id
     * @param share the memory that responses may take
     */
    public Pull(HttpServerRequest client, HttpServerResponse response, String requestId, boolean ownId, MemoryBudget.Share share) {
        super(requestId, ownId, share);
        this.head = client.method() == HttpMethod.HEAD;
        this.client = client;
        this.response = response;
    }

    /**
     * Makes the context of a request that no client has sent, such as one that is to be explained.
     *
     * @param share the memory that responses may take
     */
    public Pull(ApiRequest request, MemoryBudget.Share share) {
        super(null, false, share);
        this.head = request.head();
        this.client = null;
        this.response = null;
        this.request = request;
    }

    private Pull(Pull manifest, Digest blob) {
        super(manifest.requestId(), false, null);
        this.head = false;
        this.client = null;
        this.response = null;
        this.request = new ApiRequest(false, new ApiPath(ApiPath.Kind.BLOB, manifest.request.path().repository(), blob), null, null, ApiRequest.Page.ALL, null);
        this.namespace = manifest.namespace;
        this.givenNamespace = manifest.givenNamespace;
        this.clientAddress = manifest.clientAddress;
        this.planning = new Planning(manifest.planning);
        passed(manifest.passed());
        target(manifest.target);
        failed.addAll(manifest.failed);
    }

    /**
     * Makes the context of a call that no client has sent: whether the registry that served the manifest of this pull has one of its blobs. The plan
     * is the same, and so is the request id at the registry.
     */
    public Pull lookahead(Digest blob) {
        return new Pull(this, blob);
    }

    /** Returns the pull that the exchange carries; null where the exchange does not come from a client. */
    public static Pull of(Exchange exchange) {
        return (Pull) CallContext.of(exchange);
    }

    /** Returns the name of the user whom the request comes from, empty for nobody; null where that is not checked. */
    public String user() {
        return user;
    }

    public void user(String name) {
        this.user = name;
    }

    /** Returns whether the client sent too many wrong passwords, so that the fault is its own, whatever the status. */
    public boolean isLoginRefused() {
        return loginRefused;
    }

    public void loginRefused(boolean refused) {
        this.loginRefused = refused;
    }

    /** Returns whether the method is HEAD. */
    public boolean head() {
        return head;
    }

    /** Returns whether the client has sent this header, in any case. */
    public boolean sent(CharSequence header) {
        return client != null && client.headers().contains(header);
    }

    /** Returns the lines of a header that the client has sent. */
    public List<String> lines(CharSequence header) {
        return client.headers().getAll(header);
    }

    /**
     * Returns the client's User-Agent as it may stand in logs, conditions and headers: at most {@value #LONGEST_USER_AGENT} characters of ASCII, with a
     * question mark for each other character and for control characters; empty for none.
     */
    public String userAgent() {
        String given = client == null ? null : client.getHeader(HttpHeaders.USER_AGENT);
        if (given == null) {
            return "";
        }
        for (int i = 0; i < given.length(); i++) {
            if (i == LONGEST_USER_AGENT || !isPrintable(given.charAt(i))) {
                return printable(given);
            }
        }
        return given;
    }

    private static boolean isPrintable(char c) {
        return c >= ' ' && c < 127;
    }

    private static String printable(String given) {
        StringBuilder text = new StringBuilder(given.substring(0, Math.min(LONGEST_USER_AGENT, given.length())));
        for (int i = 0; i < text.length(); i++) {
            if (!isPrintable(text.charAt(i))) {
                text.setCharAt(i, '?');
            }
        }
        return text.toString();
    }

    public HttpServerResponse response() {
        return response;
    }

    public HttpConnection connection() {
        return client.connection();
    }

    @Override
    public boolean abandoned() {
        return abandoned;
    }

    /** Notes that the client has gone. */
    public void abandon() {
        abandoned = true;
        Runnable action = whenAbandoned;
        if (action != null) {
            action.run();
        }
    }

    @Override
    public void whenAbandoned(Runnable action) {
        whenAbandoned = action;
        if (abandoned) {
            action.run();
        }
    }

    /** Returns the path that was parsed already, before the route began; null if it was not. */
    public ApiPath parsed() {
        return parsed;
    }

    public void parsed(ApiPath path) {
        this.parsed = path;
    }

    /** Returns the request, with the name as the client wrote it; null while it has not been understood. */
    public ApiRequest request() {
        return request;
    }

    public void request(ApiRequest understood) {
        this.request = understood;
    }

    /** Returns the request as one of a push; null for a pull. */
    public PushRequest push() {
        return push;
    }

    /** Returns whether the method or the path is one of pushes, even if the request was refused before {@link #push} was known. */
    public boolean isPushAttempted() {
        return pushAttempted;
    }

    public void pushAttempted(boolean attempted) {
        this.pushAttempted = attempted;
    }

    /** Returns what the client sends to the registry; null for nothing. */
    public PushBody body() {
        return body;
    }

    /** Returns the methods that are served where the request goes, with commas between. */
    public String allow() {
        return allow;
    }

    public void allow(String methods) {
        this.allow = methods;
    }

    /** Returns the upload that the request goes on with, as the steps of pushes know it; null for none. */
    public Object upload() {
        return upload;
    }

    public void upload(Object begun) {
        this.upload = begun;
    }

    /**
     * Makes this the context of a push.
     *
     * @param sent what the client sends to the registry; null for nothing
     */
    public void push(PushRequest understood, PushBody sent) {
        this.push = understood;
        this.body = sent;
    }

    /** Returns the namespace, such as {@code docker.io}; empty for none. */
    public String namespace() {
        return namespace;
    }

    /** Returns the parameter {@code ns} that the client has sent, in lower case; null for none. */
    public String givenNamespace() {
        return givenNamespace;
    }

    void givenNamespace(String host) {
        this.givenNamespace = host;
    }

    /** @param host in lower case */
    void namespace(String host) {
        this.namespace = host;
    }

    /** Returns the client's IP address as in the access log; empty if unknown. */
    public String clientAddress() {
        return clientAddress;
    }

    public void clientAddress(String address) {
        this.clientAddress = address;
    }

    /**
     * Begins to plan.
     *
     * @param within the repository in its namespace; null where none is asked for
     */
    void planFor(RepositoryName within, PlanStep by) {
        this.planning = new Planning(within, by);
    }

    /** Returns the plan as far as steps have made it; null before the first of them. */
    Planning planning() {
        return planning;
    }

    /**
     * Returns the plan as the steps have made it so far.
     *
     * @throws IllegalStateException when no step has
     */
    public Plan plan() {
        if (planning == null) {
            throw new IllegalStateException("no step of the routes has understood the request");
        }
        return planning.plan();
    }

    /**
     * Lets later steps of the routes set where a push goes. Earlier steps have set registries, and perhaps another name, for pulls: both are forgotten,
     * because a push under that name could reach a repository that its user may not push to.
     */
    public void planPush() {
        planning.anewForPush();
    }

    /** Makes the question of a pusher whether something is there a pull, which asks the registries of the plan. */
    void becomePull() {
        push = null;
        planning = planning.ofPulls();
        planAgain();
    }

    /** Begins anew with the registries of a plan that has changed; those that have failed under the same name are not asked again. */
    void planAgain() {
        next = 0;
        order = null;
    }

    /** Sets the order of asking, by the targets in the order of the plan. The plan itself, by which answers are kept in memory, stays as it is. */
    void order(UnaryOperator<List<Plan.Target>> byPlan) {
        ordering = byPlan;
        planAgain();
    }

    private List<Plan.Target> order() {
        if (order == null) {
            order = ordering.apply(plan().targets());
        }
        return order;
    }

    /** Returns whether another registry of the plan is left, or one that is to be asked once more. */
    public boolean isNext() {
        return peek() != null;
    }

    /** Returns the name of the registry that is asked next; null where none is left, where no plan was made, and for a push, which goes to one registry. */
    String nextRegistry() {
        return push == null && planning != null && planning.isMade() && isNext() ? peek().registry() : null;
    }

    /**
     * Begins to fetch the rest of a response that has broken off. The registry that broke off first is asked once more, after all others. There is
     * as much time for the rest to begin as there was for the response.
     */
    public void resumes() {
        if (broken == null) {
            broken = target;
            again = true;
        }
        if (answerTime() != null) {
            answerTime(answerTime().anew());
        }
    }

    /**
     * Returns the next target that has not been asked for this request; or else the first that was passed over; or else the one whose response broke
     * off first, once more; null for none.
     */
    private Plan.Target peek() {
        while (next < order().size() && isAsked(order().get(next))) {
            next++;
        }
        if (next < order().size()) {
            return order().get(next);
        }
        for (PassedOver earlier : passedOver) {
            // The plan may have changed since.
            if (order().contains(earlier.target)) {
                return earlier.target;
            }
        }
        return again && order().contains(broken) ? broken : null;
    }

    /** Returns whether a target is not asked now and was not asked before. */
    private boolean isLeft(Plan.Target candidate) {
        return !candidate.equals(target) && !isAsked(candidate);
    }

    private boolean isAsked(Plan.Target candidate) {
        return failed.contains(candidate) || isPassedOver(candidate);
    }

    private boolean isPassedOver(Plan.Target some) {
        for (PassedOver earlier : passedOver) {
            if (earlier.target.equals(some)) {
                return true;
            }
        }
        return false;
    }

    /** Begins the next attempt. */
    Plan.Target nextTarget() {
        streamPlace(null);
        target(peek());
        askedAgain = isPassedOver(target);
        if (askedAgain) {
            // From now on its answer counts.
            passedOver.stream().filter(earlier -> earlier.target.equals(target)).forEach(earlier -> failures.remove(earlier.busy));
            passedOver = passedOver.stream().filter(earlier -> !earlier.target.equals(target)).toList();
        } else if (next < order().size()) {
            next++;
        } else {
            again = false;
        }
        return target;
    }

    @Override
    public boolean isAnotherLeft() {
        if (planning == null || !planning.isMade()) {
            return false;
        }
        for (Plan.Target other : order().subList(next, order().size())) {
            if (isLeft(other)) {
                return true;
            }
        }
        return false;
    }

    /** {@inheritDoc} A list needs the answer of each registry, so that none is given up. */
    @Override
    public boolean mayGiveUp(Registry asked) {
        if (askedAgain || planning == null || !planning.isMade() || !isOfImage()) {
            return false;
        }
        for (Plan.Target other : order().subList(next, order().size())) {
            if (isLeft(other) && other.name() != null && planning.isInsteadOf(other.registry(), asked)) {
                return true;
            }
        }
        return false;
    }

    @Override
    public void passOver(RegistryTroubleException busy) {
        if (target != null) {
            passedOver = Stream.concat(passedOver.stream(), Stream.of(new PassedOver(target, busy))).toList();
        }
    }

    /** Returns the registry of the plan that is asked, and the name there; null before the first. */
    public Plan.Target target() {
        return target;
    }

    /** Makes this the registry that is asked, and the name there. */
    public void target(Plan.Target chosen) {
        this.target = chosen;
        this.askedAgain = false;
        plannedRegistry(chosen == null ? null : chosen.registry());
    }

    /** Returns the path of what is asked for at the registry that is asked. */
    public ApiPath pathThere() {
        ApiPath path = request.path();
        return target == null || target.name() == path.repository() ? path : new ApiPath(path.kind(), target.name(), path.reference());
    }

    /** Returns the name of the registry whose answer the client gets, with commas between several; null while there is none. */
    public String servedBy() {
        return servedBy;
    }

    /** Sets the name of the registry whose answer the client gets, or of another place that it is from; null for none. */
    public void servedBy(String name) {
        this.servedBy = name;
        Registry asked = registry();
        if (asked != null && asked.name().equals(name)) {
            asked.troubles().responded();
        }
    }

    /** Adds the name of a registry that has served the rest of the answer, after others had broken off. */
    public void servedAlsoBy(String name) {
        if (!List.of(servedBy.split(",")).contains(name)) {
            servedBy += "," + name;
        }
    }

    /** Remembers that a registry could not serve this pull, as was found out for another client. */
    public void failed(Exception failure) {
        if (!failures.contains(failure)) {
            failures.add(failure);
        }
    }

    /** Remembers that a registry was asked for this pull and could not serve it. */
    void attemptFailed(Exception failure, Fallback attempt) {
        failures.add(failure);
        attempts.add(attempt);
        if (target != null && !isPassedOver(target)) {
            if (failure instanceof RegistryTroubleException trouble && trouble.kind() == RegistryTroubleException.Kind.SLOW && !askedAgain) {
                passOver(trouble);
            } else {
                failed.add(target);
            }
        }
    }

    /** {@inheritDoc} If an earlier one has failed for an image, the pull has fallen back; for a list all registries are asked anyway. */
    @Override
    public void registry(Registry asked) {
        super.registry(asked);
        int count = attempts.size();
        if (count > fallbacks.size() && !attempts.get(count - 1).registry().equals(asked.name()) && isOfImage()) {
            fallbacks = List.copyOf(attempts);
        }
    }

    private boolean isOfImage() {
        return request.path().kind() == ApiPath.Kind.MANIFEST || request.path().kind() == ApiPath.Kind.BLOB;
    }

    /** Returns the failures after which another registry was asked for the same image, in the order of asking. Any thread may call it. */
    public List<Fallback> fallbacks() {
        return fallbacks;
    }

    /** Returns what {@link NotHereException} and {@link RegistryTroubleException} there were, in the order of asking. */
    public List<Exception> failures() {
        return failures;
    }

    /**
     * Throws the last failure.
     *
     * @throws NotHereException also where there is none, since nobody was asked
     */
    void throwLastFailure() throws NotHereException, RegistryTroubleException {
        Exception last = failures.isEmpty() ? null : failures.get(failures.size() - 1);
        if (last instanceof RegistryTroubleException trouble) {
            throw trouble;
        }
        throw last instanceof NotHereException missing ? missing
                : new NotHereException(NOBODY, request.path() + " was not asked: the plan is empty");
    }

    /** Returns the troubles among the failures. */
    public List<RegistryTroubleException> troubles() {
        List<RegistryTroubleException> troubles = new ArrayList<>(failures.size());
        for (Exception failure : failures) {
            if (failure instanceof RegistryTroubleException trouble) {
                troubles.add(trouble);
            }
        }
        return troubles;
    }

    /**
     * Returns whether each registry of the plan before the one that served has said that it lacks the image. Otherwise a tag may mean another image for the
     * next client.
     *
     * @param served the name of the registry that served
     * @param except the name of a registry that does not matter
     */
    public boolean isLackedBefore(String served, String except) {
        for (Plan.Target earlier : plan().targets()) {
            if (earlier.registry().equals(served)) {
                return true;
            }
            boolean lacks = earlier.name() == null || failures.stream().anyMatch(failure -> failure instanceof NotHereException missing
                    && missing.registry().equals(earlier.registry()));
            if (!lacks && !earlier.registry().equals(except)) {
                return false;
            }
        }
        return true;
    }

    /**
     * Returns whether the registry that is asked takes the place of one before it in the plan: that one is in trouble, or it is slow and was not asked. It
     * has not said that it lacks what is asked for, so it is to be asked again once it is well.
     */
    public boolean isStopgap() {
        if (!troubles().isEmpty()) {
            return true;
        }
        for (Plan.Target earlier : plan().targets()) {
            if (earlier.equals(target)) {
                return false;
            }
            if (earlier.name() != null && !failed.contains(earlier)) {
                return true;
            }
        }
        return false;
    }

    /** Returns the manifest in memory that the tag may still mean; null for none. */
    KeptManifest toBeConfirmed() {
        return toBeConfirmed;
    }

    /** Has the registries asked by HEAD whether the tag still means this manifest. */
    public void toBeConfirmed(KeptManifest manifest) {
        this.toBeConfirmed = manifest;
    }

    /** Returns what a registry's response to the HEAD of a blob contains; null before. */
    public BlobStep.Found found() {
        return found;
    }

    void found(BlobStep.Found answer) {
        this.found = answer;
    }

    /** Returns whether it has shown that the blob has to be streamed, although its registry redirects. */
    public boolean isStreamExpected() {
        return streamExpected;
    }

    /** Notes that the blob has to be streamed. */
    public void expectStream() {
        streamExpected = true;
    }

    /** Returns the list that is gathered; null where none is. */
    ListStep.Gathered gathered() {
        return gathered;
    }

    void gathered(ListStep.Gathered list) {
        this.gathered = list;
    }

    /** Returns what the cache keeps of its look-up for this request; null for nothing. */
    public Object lookup() {
        return lookup;
    }

    public void lookup(Object ofCache) {
        this.lookup = ofCache;
    }
}
