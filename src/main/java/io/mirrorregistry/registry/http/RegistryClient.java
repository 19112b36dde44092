package io.mirrorregistry.registry.http;

import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import io.mirrorregistry.config.Account;
import io.mirrorregistry.config.RegistrySettings;
import io.mirrorregistry.metrics.Metrics;
import io.mirrorregistry.protocol.ApiPath;
import io.mirrorregistry.protocol.ProtocolException;
import io.mirrorregistry.protocol.UrlHost;
import io.mirrorregistry.registry.AccountState;
import io.mirrorregistry.registry.AnswerTime;
import io.mirrorregistry.registry.Call;
import io.mirrorregistry.registry.CallFailures;
import io.mirrorregistry.registry.CallTime;
import io.mirrorregistry.registry.Caller;
import io.mirrorregistry.registry.CutOffEntity;
import io.mirrorregistry.registry.Deadlines;
import io.mirrorregistry.registry.MirrorIdentity;
import io.mirrorregistry.registry.PushBodyException;
import io.mirrorregistry.registry.PushCall;
import io.mirrorregistry.registry.PushResponse;
import io.mirrorregistry.registry.Redirects;
import io.mirrorregistry.registry.RegistryAnswers;
import io.mirrorregistry.registry.RegistryTroubleException;
import io.mirrorregistry.registry.Slowness;
import io.mirrorregistry.registry.auth.AccountStatus;
import io.mirrorregistry.registry.auth.Authorizer;
import io.mirrorregistry.registry.auth.TokenService;
import java.io.IOException;
import java.io.InputStream;
import java.net.SocketException;
import java.net.SocketTimeoutException;
import java.net.URI;
import java.net.URISyntaxException;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.apache.hc.client5.http.DnsResolver;
import org.apache.hc.client5.http.SystemDefaultDnsResolver;
import org.apache.hc.client5.http.classic.methods.HttpUriRequestBase;
import org.apache.hc.client5.http.impl.classic.CloseableHttpClient;
import org.apache.hc.client5.http.impl.classic.CloseableHttpResponse;
import org.apache.hc.client5.http.impl.io.PoolingHttpClientConnectionManager;
import org.apache.hc.client5.http.protocol.HttpClientContext;
import org.apache.hc.core5.http.ClassicHttpRequest;
import org.apache.hc.core5.http.ClassicHttpResponse;
import org.apache.hc.core5.http.Header;
import org.apache.hc.core5.http.HttpHeaders;
import org.apache.hc.core5.http.HttpHost;
import org.apache.hc.core5.http.NoHttpResponseException;
import org.apache.hc.core5.http.protocol.HttpContext;
import org.apache.hc.core5.io.CloseMode;
import org.apache.hc.core5.net.URIAuthority;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.slf4j.spi.LoggingEventBuilder;

/**
 * The HTTP client of one registry, as camel-http uses it: makes a {@link RegistryCall} of each request, and turns every failure into a
 * {@link RegistryTroubleException} that names the registry.
 *
 * <p>The body of an answer from 300 on is read and dropped here, since nobody wants it.
 */
public final class RegistryClient extends CloseableHttpClient implements Caller {

    private static final Logger LOG = LoggerFactory.getLogger(RegistryClient.class);
    private static final ApiPath VERSION = new ApiPath(ApiPath.Kind.API_VERSION, null, null);
    /** So many kept connections may be found closed in a row. */
    private static final int MOST_STALE = 3;
    private static final int MOST_DISCARDED = 64 * 1024;
    /** Of so many hosts that the registry redirects to, the tokens are kept. */
    private static final int MOST_STRANGERS = 64;
    private static final int STRANGERS_TOKENS_BYTES = 64 * 1024;
    /** What the newest call counts in the average of times; about the last ten calls make it. */
    private static final double SHARE_OF_NEWEST = 0.2;
    /**
     * What a call may say to a host that is not the registry: nothing of its credentials, nor of its configured headers. Via holds the
     * pseudonyms of mirrors only, by which each of them recognizes a request that comes back to it.
     */
    private static final Set<String> TOLD_TO_STRANGERS = Set.of("accept", "accept-encoding", "range", "user-agent", "via");

    private final RegistrySettings registry;
    private final Metrics metrics;
    private final CloseableHttpClient http;
    private final AccountStatus accountStatus;
    private final Authorizer authorizer;
    private final AnswerOrigin origin = new AnswerOrigin();
    private final Slowness slowness;
    private final ResponseTimes responseTimes;
    private final AccountCheck accountCheck;
    /** By scheme, host and port. */
    private final Cache<String, Authorizer> strangers = Caffeine.newBuilder().maximumSize(MOST_STRANGERS).executor(Runnable::run).build();
    /** The registry without what is for itself only. */
    private final RegistrySettings anonymous;
    private final SilentRefusals silentRefusals;
    private final Pushes pushes;
    private final URI base;
    private final Location own;
    /** The longest time from the call to the end of the answer's head. */
    private final Duration headTime;
    private volatile double millisToFirstByte = Double.NaN;

    /**
     * @param connections the most connections at a time
     * @param metrics counts and times calls
     * @param self what is never called, and what the calls carry
     */
    public RegistryClient(RegistrySettings registry, int connections, Metrics metrics, MirrorIdentity self) {
        this(registry, connections, metrics, self, SystemDefaultDnsResolver.INSTANCE, true);
    }

    /**
     * Makes a client with connections of its own, which no metric shows.
     *
     * @param connections the most connections at a time
     */
    public static RegistryClient forCopies(RegistrySettings registry, int connections, Metrics metrics, MirrorIdentity self) {
        return new RegistryClient(registry, connections, metrics, self, SystemDefaultDnsResolver.INSTANCE, false);
    }

    /** @param dns looks names up */
    RegistryClient(RegistrySettings registry, int connections, Metrics metrics, MirrorIdentity self, DnsResolver dns) {
        this(registry, connections, metrics, self, dns, true);
    }

    private RegistryClient(RegistrySettings registry, int connections, Metrics metrics, MirrorIdentity self, DnsResolver dns, boolean shown) {
        this.registry = registry;
        this.metrics = metrics;
        this.base = registry.url();
        this.own = Location.of(base);
        this.anonymous = anonymous(registry);
        AddressGuard guard = new AddressGuard(registry.url(), self, dns);
        PoolingHttpClientConnectionManager pool = HttpClients.pool(registry, connections, guard);
        this.http = HttpClients.create(registry, pool, guard, self);
        if (shown) {
            metrics.connections(registry.name(), () -> pool.getTotalStats().getLeased(), () -> pool.getTotalStats().getAvailable());
        }
        this.headTime = registry.connectTimeout().plus(registry.responseTimeout());
        // Without effect where the full time is as short.
        this.slowness = new Slowness(registry.name(), registry.patience().compareTo(headTime) < 0 ? registry.patience() : Duration.ZERO);
        this.responseTimes = new ResponseTimes(slowness);
        this.accountStatus = new AccountStatus(registry.name(), registry.account());
        this.authorizer = new Authorizer(registry.name(), registry.account(), new TokenService(registry, http, metrics, accountStatus));
        URI version = URI.create(base + VERSION.toString());
        VersionCheck anonymously = new VersionCheck(time -> send(request("GET", version, false), Location.of(version), ApiPath.Kind.API_VERSION, null, time));
        this.accountCheck = new AccountCheck(registry.account(), accountStatus, this::askVersion, anonymously);
        this.silentRefusals = new SilentRefusals(registry.name(), registry.account(), authorizer, anonymously);
        PushClients clients = new PushClients(registry, metrics, accountStatus, anonymously, guard, self);
        this.pushes = new Pushes(registry, metrics, clients, origin, accountCheck, this::head);
    }

    private static RegistrySettings anonymous(RegistrySettings of) {
        return new RegistrySettings(of.name(), of.url(), Account.NONE, Map.of(HttpHeaders.USER_AGENT, of.headers().get(HttpHeaders.USER_AGENT)), of.blobs(),
                of.publicUrl(), of.connectTimeout(), of.responseTimeout(), of.patience(), List.of(), of.caCertificates(), of.proxy(), of.serves(), of.prefix(),
                of.library(), of.folder());
    }

    @Override
    protected CloseableHttpResponse doExecute(HttpHost target, ClassicHttpRequest request, HttpContext context)
            throws IOException {
        URI uri = uri(request);
        Header header = request.getFirstHeader(AnswerTime.HEADER);
        AnswerTime answerTime = AnswerTime.parse(header == null ? null : header.getValue());
        ApiPath path = path(uri);
        CallTime time = new CallTime(headTime, answerTime, patienceEnd(request));
        if (time.isOver()) {
            throw new RegistryTroubleException(registry.name(), request.getMethod() + " " + uri.getPath()
                    + " was not asked: the time for an answer is over", RegistryTroubleException.Kind.NOT_ASKED, null);
        }
        RegistryCall call = new RegistryCall(this, Location.of(uri), path, redirects(request), time);
        try {
            ClassicHttpResponse response = call.run(request);
            accountCheck.judge(response, path, time);
            if ("false".equals(RegistryAnswers.value(response, RegistryAnswers.ACCEPTED)) && time.isPatienceOver()) {
                throw new SocketTimeoutException("whether the registry accepts us is not known yet");
            }
            if (isCounted(request)) {
                responseTimes.responded(request, path, response, time);
            }
            return CloseableHttpResponse.adapt(response);
        } catch (IOException e) {
            RegistryTroubleException trouble = trouble(call.describe(request.getMethod()), e, time);
            if (isCounted(request)) {
                responseTimes.failed(request, path, trouble.kind(), time);
            }
            throw trouble;
        }
    }

    /** Returns the trouble that a failed call means. */
    private RegistryTroubleException trouble(String call, IOException failure, CallTime time) {
        if (failure instanceof RegistryTroubleException trouble) {
            return trouble.kind() != RegistryTroubleException.Kind.OUTAGE || time.outage() == RegistryTroubleException.Kind.OUTAGE ? trouble
                    : new RegistryTroubleException(registry.name(), trouble.getMessage(), time.outage(), trouble.retryAfter(), trouble.status());
        }
        RegistryTroubleException.Kind kind = CallFailures.kind(failure);
        return new RegistryTroubleException(registry.name(), call + ": " + CallFailures.describe(failure, registry.proxy(), time),
                kind == RegistryTroubleException.Kind.OUTAGE ? time.outage() : kind, null);
    }

    private ClassicHttpResponse askVersion(CallTime time) throws IOException {
        URI uri = URI.create(base + VERSION.toString());
        return new RegistryCall(this, Location.of(uri), VERSION, Redirects.ALL, time).run(request("GET", uri, false));
    }

    private static Long patienceEnd(ClassicHttpRequest request) {
        String end = RegistryAnswers.value(request, RegistryAnswers.PATIENCE_END);
        return end == null ? null : Long.valueOf(end);
    }

    /** A call that does not say leaves the redirects of a blob to its caller. */
    static Redirects redirects(ClassicHttpRequest request) {
        Header redirects = request.getFirstHeader(RegistryAnswers.REDIRECTS);
        return redirects == null ? Redirects.NONE : Redirects.valueOf(redirects.getValue());
    }

    String name() {
        return registry.name();
    }

    @Override
    public ClassicHttpResponse ask(Call call) throws RegistryTroubleException {
        return ask(call, true);
    }

    @Override
    public ClassicHttpResponse askUncounted(Call call) throws RegistryTroubleException {
        return ask(call, false);
    }

    /** A request that counts neither in the average of times nor in the metrics of calls. */
    private static final class UncountedRequest extends HttpUriRequestBase {

        UncountedRequest(String method, URI uri) {
            super(method, uri);
        }
    }

    private static HttpUriRequestBase request(String method, URI uri, boolean counted) {
        return counted ? new HttpUriRequestBase(method, uri) : new UncountedRequest(method, uri);
    }

    private static boolean isCounted(ClassicHttpRequest request) {
        return !(request instanceof UncountedRequest);
    }

    /** Returns the same request with another method, and with this Range; null for none. */
    ClassicHttpRequest copy(String method, ClassicHttpRequest request, String range) {
        HttpUriRequestBase copy = request(method, base, isCounted(request));
        copy.setHeaders(request.getHeaders());
        copy.removeHeaders(HttpHeaders.RANGE);
        if (range != null) {
            copy.setHeader(HttpHeaders.RANGE, range);
        }
        return copy;
    }

    @Override
    public PushResponse push(PushCall call) throws RegistryTroubleException, PushBodyException {
        return pushes.push(call);
    }

    /** Asks with HEAD as for a pull: a registry redirects to its storage for what it has. */
    private ClassicHttpResponse head(PushCall call) throws RegistryTroubleException {
        HttpUriRequestBase request = request("HEAD", URI.create(base + call.target()), false);
        call.headers().forEach(request::setHeader);
        request.setHeader(RegistryAnswers.REDIRECTS, Redirects.ALL.name());
        if (call.requestId() != null) {
            request.setHeader(RegistryHeaders.REQUEST_ID, call.requestId());
        }
        if (call.passed() != null) {
            request.setHeader(HttpHeaders.VIA, call.passed());
        }
        return open(request, call);
    }

    private ClassicHttpResponse ask(Call call, boolean counted) throws RegistryTroubleException {
        HttpUriRequestBase request = request(call.head() ? "HEAD" : "GET", uri(call), counted);
        if (call.accept() != null) {
            request.setHeader(HttpHeaders.ACCEPT, call.accept());
        }
        if (call.range() != null) {
            request.setHeader(HttpHeaders.RANGE, call.range());
        }
        request.setHeader(RegistryAnswers.REDIRECTS, call.redirects().name());
        return open(request, call);
    }

    /** A query can be from a registry's link. */
    private URI uri(Call call) throws RegistryTroubleException {
        try {
            return URI.create(base + call.path().toString() + (call.query() == null ? "" : "?" + call.query()));
        } catch (IllegalArgumentException e) {
            throw new RegistryTroubleException(registry.name(), call + " has a link to a next page that is no URI");
        }
    }

    private ClassicHttpResponse open(HttpUriRequestBase request, Object call) throws RegistryTroubleException {
        try {
            return executeOpen(null, request, null);
        } catch (RegistryTroubleException e) {
            throw e;
        } catch (IOException e) {
            throw new RegistryTroubleException(registry.name(), call + ": " + CallFailures.describe(e));
        }
    }

    /**
     * Sends one request; with an answer from 300 on, its body is dropped and the connection is free again. A kept connection that
     * the registry has closed in the meantime, or on which something is left, says nothing of what is asked for: the request goes
     * out once more.
     *
     * @see <a href="https://www.rfc-editor.org/rfc/rfc9112#section-9.3.1">RFC 9112, Retrying Requests</a>
     */
    ClassicHttpResponse send(ClassicHttpRequest template, Location place, ApiPath.Kind kind, String authorization, CallTime time)
            throws IOException {
        int stale = 0;
        while (true) {
            HttpClientContext context = HttpClientContext.create();
            if (time.isOver()) {
                throw new SocketTimeoutException("what came before took all the time");
            }
            try {
                return send(template, place, kind, authorization, context, time);
            } catch (DesyncGuard.LeftoverException e) {
                LOG.debug("Registry {} has sent more than it said; its connection is dropped", registry.name());
                if (time.isOver()) {
                    throw e;
                }
            } catch (NoHttpResponseException | SocketException e) {
                boolean kept = context.getEndpointDetails() != null && context.getEndpointDetails().getRequestCount() > 1;
                if (!kept || stale == MOST_STALE || time.isOver()) {
                    throw e;
                }
                stale++;
            }
        }
    }

    private ClassicHttpResponse send(ClassicHttpRequest template, Location place, ApiPath.Kind kind, String authorization,
            HttpClientContext context, CallTime time) throws IOException {
        HttpUriRequestBase request = new TargetRequest(template.getMethod(), base, place.requestTarget());
        request.setScheme(place.scheme());
        request.setAuthority(new URIAuthority(place.host(), place.port()));
        boolean own = isOwn(place);
        if (own) {
            registry.headers().forEach(request::setHeader);
        } else {
            request.setHeader(HttpHeaders.USER_AGENT, registry.headers().get(HttpHeaders.USER_AGENT));
        }
        for (Header header : template.getHeaders()) {
            boolean id = own && header.getName().equalsIgnoreCase(RegistryHeaders.REQUEST_ID);
            if (id || TOLD_TO_STRANGERS.contains(header.getName().toLowerCase(Locale.ROOT))) {
                request.setHeader(header);
            }
        }
        request.setHeader(HttpHeaders.ACCEPT_ENCODING, "identity");
        if (authorization != null) {
            request.setHeader(HttpHeaders.AUTHORIZATION, authorization);
        }
        Deadlines.Deadline answered = Deadlines.set(request, time.rest());
        long start = System.nanoTime();
        ClassicHttpResponse response = null;
        if (LOG.isDebugEnabled()) {
            line(template, place, own).log("Registry {}: {} {} is sent", registry.name(), template.getMethod(), described(place, own));
        }
        try {
            response = http.executeOpen(null, request, context);
        } catch (IOException | RuntimeException e) {
            // The client tells of a closed socket, or of a wrong state where the deadline ends between two of its steps.
            if (answered.hasEnded()) {
                throw new SocketTimeoutException("cancelled at its deadline");
            }
            // Whatever the client makes of a response is about the registry; another one can still be asked.
            throw e instanceof IOException known ? known : new IOException("the HTTP client failed: " + e, e);
        } finally {
            answered.run();
            tell(template, place, own, kind, response == null ? 0 : response.getCode(), System.nanoTime() - start);
        }
        byte[] dropped = {};
        if (response.getEntity() != null) {
            // A blob may take as long as its client reads.
            boolean whole = kind != ApiPath.Kind.BLOB || response.getCode() >= 300;
            Deadlines.Deadline received = whole ? Deadlines.set(request, time.afterHead(registry.responseTimeout())) : () -> { };
            response.setEntity(new CutOffEntity(response.getEntity(), request::cancel, received));
            if (response.getCode() >= 300) {
                dropped = discard(response);
            }
        }
        origin.mark(response, own, template.getMethod().equals("HEAD"), dropped);
        checkLength(registry.name(), response, own ? template.getMethod() + " " + place.path()
                : template.getMethod() + " at " + place.host() + ", where it redirects");
        return response;
    }

    /**
     * Writes the Content-Length anew, so that nothing of a registry's spelling reaches a client, and drops one that means nothing beside
     * a Transfer-Encoding. The HTTP client reads "+5" as 5, and does not look at all where there is no body.
     *
     * @throws RegistryTroubleException for one that is not a number of at most 18 digits, and for several; the response is closed
     * @see <a href="https://www.rfc-editor.org/rfc/rfc9110#section-8.6">RFC 9110, Content-Length</a>
     */
    static void checkLength(String registry, ClassicHttpResponse response, String call) throws IOException {
        int count = response.countHeaders(HttpHeaders.CONTENT_LENGTH);
        if (count == 0) {
            return;
        }
        long length = count > 1 ? -1 : RegistryAnswers.digits(response.getFirstHeader(HttpHeaders.CONTENT_LENGTH).getValue());
        if (length < 0) {
            response.close();
            throw new RegistryTroubleException(registry, call + ": answered " + response.getCode() + " with a Content-Length that is no number");
        }
        if (response.containsHeader(HttpHeaders.TRANSFER_ENCODING)) {
            response.removeHeaders(HttpHeaders.CONTENT_LENGTH);
        } else {
            response.setHeader(HttpHeaders.CONTENT_LENGTH, String.valueOf(length));
        }
    }

    @Override
    public double millisToFirstByte() {
        return millisToFirstByte;
    }

    @Override
    public Slowness slowness() {
        return slowness;
    }

    @Override
    public AccountState accountState() {
        return accountStatus.state();
    }

    /**
     * Of two calls that end at the same time one may be left out of the average. A call without a useful response counts only if it makes the
     * average longer: a timeout is slow, but a refused connection or an error that arrives at once is not fast.
     *
     * @param status 0 for no response
     */
    private void measure(long nanos, int status) {
        double millis = nanos / 1e6;
        double before = millisToFirstByte;
        boolean useful = status > 0 && status < 500 && status != 429 && status != 408;
        if (!useful && !(millis > before)) {
            return;
        }
        millisToFirstByte = Double.isNaN(before) ? millis : before + SHARE_OF_NEWEST * (millis - before);
    }

    /** Counts the call, and logs its response at debug. */
    private void tell(ClassicHttpRequest template, Location place, boolean own, ApiPath.Kind kind, int status, long nanos) {
        if (isCounted(template)) {
            metrics.called(registry.name(), kind.asked(), status, nanos);
        }
        if (own && isCounted(template)) {
            measure(nanos, status);
        }
        if (LOG.isDebugEnabled()) {
            long millis = TimeUnit.NANOSECONDS.toMillis(nanos);
            LoggingEventBuilder line = line(template, place, own).addKeyValue("milliseconds", millis);
            if (status == 0) {
                line.log("Registry {}: {} {} failed in {} ms", registry.name(), template.getMethod(), described(place, own), millis);
            } else {
                line.addKeyValue("status", status)
                        .log("Registry {}: {} {} {} in {} ms", registry.name(), template.getMethod(), described(place, own), status, millis);
            }
        }
    }

    private LoggingEventBuilder line(ClassicHttpRequest template, Location place, boolean own) {
        LoggingEventBuilder line = LOG.atDebug().addKeyValue("registry", registry.name()).addKeyValue("method", template.getMethod())
                .addKeyValue("path", described(place, own));
        Header id = template.getFirstHeader(RegistryHeaders.REQUEST_ID);
        return id == null ? line : line.addKeyValue("request_id", id.getValue());
    }

    /** Returns the path at the registry; of another server, where the path may carry a signature, its address without the path. */
    private static String described(Location place, boolean own) {
        return own ? place.path() : place.server() + "/…";
    }

    /**
     * Reads a short body to its end, so that the connection can be used again. Returns its beginning, nothing of one that is broken: no client
     * gets it.
     */
    static byte[] discard(ClassicHttpResponse response) {
        try (InputStream body = response.getEntity().getContent()) {
            byte[] beginning = body.readNBytes(MOST_DISCARDED);
            body.read();
            return beginning;
        } catch (IOException e) {
            LOG.debug("dropping the body of an answer {}", response.getCode(), e);
            return new byte[0];
        } finally {
            response.setEntity(null);
        }
    }

    boolean isOwn(Location place) {
        return place.isSameServer(own);
    }

    /** Returns what authorizes us at a place: our account and its tokens at the registry itself, and elsewhere what anybody gets. */
    Authorizer authorizer(Location place) {
        return isOwn(place) ? authorizer : strangers.get(place.server().toLowerCase(Locale.ROOT), server -> Authorizer.anonymous(registry.name(),
                new TokenService(anonymous, address(server), http, metrics, null), STRANGERS_TOKENS_BYTES));
    }

    /** Returns the address of a server that may have a host that cannot be called, of which no challenge comes. */
    private URI address(String server) {
        try {
            return new URI(server + "/");
        } catch (URISyntaxException e) {
            return base;
        }
    }

    /** Returns what the registry itself means by refusals without a challenge. */
    SilentRefusals silentRefusals() {
        return silentRefusals;
    }

    static int port(URI uri) {
        if (UrlHost.port(uri) >= 0) {
            return UrlHost.port(uri);
        }
        return "https".equalsIgnoreCase(uri.getScheme()) ? 443 : 80;
    }

    private URI uri(ClassicHttpRequest request) throws RegistryTroubleException {
        try {
            // Camel calls a stand-in where the host has an underscore.
            return UrlHost.original(request.getUri(), base);
        } catch (URISyntaxException e) {
            throw new RegistryTroubleException(registry.name(), "a call without a usable address: " + request.getPath());
        }
    }

    /** Every call goes to a path of the API below the base URL; anything else is a mistake in a route. */
    private ApiPath path(URI uri) throws RegistryTroubleException {
        try {
            return ApiPath.parse(uri.getPath().substring(base.getPath().length()));
        } catch (ProtocolException | StringIndexOutOfBoundsException e) {
            throw new RegistryTroubleException(registry.name(), "a call outside the distribution API: " + uri.getPath());
        }
    }

    /** The connections are the mirror's, not an endpoint's: Camel closes its client whenever a route is replaced. */
    @Override
    public void close() {
    }

    @Override
    public void close(CloseMode mode) {
    }

    @Override
    public void shutDown() {
        http.close(CloseMode.GRACEFUL);
        pushes.close();
    }
}
