package io.mirrorregistry.registry.http;

import io.mirrorregistry.config.RegistrySettings;
import io.mirrorregistry.metrics.Metrics;
import io.mirrorregistry.protocol.ApiPath;
import io.mirrorregistry.protocol.ProtocolException;
import io.mirrorregistry.protocol.RepositoryName;
import io.mirrorregistry.registry.Call;
import io.mirrorregistry.registry.CallFailures;
import io.mirrorregistry.registry.Caller;
import io.mirrorregistry.registry.CutOffEntity;
import io.mirrorregistry.registry.Deadlines;
import io.mirrorregistry.registry.MirrorIdentity;
import io.mirrorregistry.registry.RegistryAnswers;
import io.mirrorregistry.registry.RegistryTroubleException;
import io.mirrorregistry.registry.auth.Authorizer;
import io.mirrorregistry.registry.auth.Challenge;
import io.mirrorregistry.registry.auth.TokenService;
import java.io.IOException;
import java.io.InputStream;
import java.net.SocketException;
import java.net.SocketTimeoutException;
import java.net.URI;
import java.net.URISyntaxException;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;
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
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The HTTP client of one registry, as camel-http uses it: authorizes calls, follows redirects of everything but blobs (whose
 * {@code Location} is the answer), believes a "no" to a HEAD only after a GET, and turns every failure into a
 * {@link RegistryTroubleException} that names the registry.
 *
 * <p>The body of an answer from 300 on is read and dropped here, since nobody wants it.
 */
public final class RegistryClient extends CloseableHttpClient implements Caller {

    private static final Logger LOG = LoggerFactory.getLogger(RegistryClient.class);
    private static final ApiPath VERSION = new ApiPath(ApiPath.Kind.API_VERSION, null, null);
    private static final int MOST_REDIRECTS = 5;
    /** So many kept connections may be found closed in a row. */
    private static final int MOST_STALE = 3;
    private static final int MOST_DISCARDED = 64 * 1024;
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
    private final Authorizer authorizer;
    private final AnswerOrigin origin = new AnswerOrigin();
    private final AccountCheck accountCheck;
    private final URI base;
    /** The longest time from the call to the end of the answer's head. */
    private final Duration headTime;
    private volatile double millisToFirstByte = Double.NaN;

    /**
     * @param connections the most connections at a time
     * @param metrics counts and times calls
     * @param self what is never called, and what the calls carry
     */
    public RegistryClient(RegistrySettings registry, int connections, Metrics metrics, MirrorIdentity self) {
        this.registry = registry;
        this.metrics = metrics;
        this.base = registry.url();
        AddressGuard guard = new AddressGuard(registry.url(), self, SystemDefaultDnsResolver.INSTANCE);
        PoolingHttpClientConnectionManager pool = HttpClients.pool(registry, connections, guard);
        this.http = HttpClients.create(registry, pool, guard, self);
        metrics.connections(registry.name(), () -> pool.getTotalStats().getLeased(), () -> pool.getTotalStats().getAvailable());
        this.headTime = registry.connectTimeout().plus(registry.responseTimeout());
        this.authorizer = new Authorizer(registry.name(), registry.account(), new TokenService(registry, http, metrics),
                headTime.plus(registry.responseTimeout()).toMillis());
        this.accountCheck = new AccountCheck(registry.account(), authorizer, this::askVersion);
    }

    @Override
    protected CloseableHttpResponse doExecute(HttpHost target, ClassicHttpRequest request, HttpContext context)
            throws IOException {
        URI uri = uri(request);
        long began = System.nanoTime();
        long end = began + headTime.toNanos();
        try {
            ApiPath path = path(uri);
            Tried tried = new Tried();
            ClassicHttpResponse response = answer(uri, path, request, tried, end);
            if (request.getMethod().equals("HEAD") && isNo(response.getCode())) {
                HttpUriRequestBase get = request("GET", uri, isCounted(request));
                get.setHeaders(request.getHeaders());
                response = headOnly(answer(uri, path, get, tried, end), path);
            }
            accountCheck.judge(response, path, began, end);
            return CloseableHttpResponse.adapt(response);
        } catch (RegistryTroubleException e) {
            throw e;
        } catch (IOException e) {
            throw new RegistryTroubleException(registry.name(), request.getMethod() + " " + uri.getPath() + ": " + CallFailures.describe(e, registry.proxy()),
                    CallFailures.kind(e), null);
        }
    }

    private ClassicHttpResponse askVersion(long end) throws IOException {
        URI uri = URI.create(base + VERSION.toString());
        return answer(uri, VERSION, request("GET", uri, false), new Tried(), end);
    }

    /** What a call has been told already. */
    private static final class Tried {

        /** The Authorization that was obtained during the call; a registry that refuses it means it. Null for none. */
        private String fresh;
    }

    /**
     * Returns whether a response to HEAD is a "no" that only a GET proves. Registries refuse a HEAD of what they have: some know no HEAD, some
     * check other rights, and some fetch what is asked for from elsewhere, but only for a GET.
     *
     * @see <a href="https://github.com/goharbor/harbor/issues/22609">goharbor/harbor#22609</a>
     */
    private static boolean isNo(int status) {
        return status >= 400 && status < 500 && status != 408 && status != 429 || status == 501;
    }

    /** @param end by when its head has to be there, whatever redirects and tokens it takes */
    private ClassicHttpResponse answer(URI uri, ApiPath path, ClassicHttpRequest request, Tried tried, long end) throws IOException {
        ClassicHttpResponse response = askRegistry(uri, path, request, tried, end);
        return path.kind() == ApiPath.Kind.BLOB ? response : follow(uri, path, request, response, tried, end);
    }

    /** Takes the body away; that of a blob is not read, at the price of the connection. */
    private static ClassicHttpResponse headOnly(ClassicHttpResponse response, ApiPath path) throws IOException {
        if (response.getEntity() != null && path.kind() == ApiPath.Kind.BLOB) {
            response.getEntity().close();
            response.setEntity(null);
        } else if (response.getEntity() != null) {
            discard(response);
        }
        return response;
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

    private ClassicHttpResponse ask(Call call, boolean counted) throws RegistryTroubleException {
        HttpUriRequestBase request = request(call.head() ? "HEAD" : "GET", URI.create(base + call.path().toString()), counted);
        if (call.accept() != null) {
            request.setHeader(HttpHeaders.ACCEPT, call.accept());
        }
        if (call.range() != null) {
            request.setHeader(HttpHeaders.RANGE, call.range());
        }
        try {
            return executeOpen(null, request, null);
        } catch (RegistryTroubleException e) {
            throw e;
        } catch (IOException e) {
            throw new RegistryTroubleException(registry.name(), call + ": " + CallFailures.describe(e, registry.proxy()));
        }
    }

    @Override
    public ClassicHttpResponse askStranger(String method, URI location, Map<String, String> headers)
            throws RegistryTroubleException {
        ClassicHttpRequest request = new HttpUriRequestBase(method, location);
        headers.forEach(request::setHeader);
        long end = System.nanoTime() + headTime.toNanos();
        try {
            return follow(location, null, request, send(request, location, ApiPath.Kind.BLOB, null, end), new Tried(), end);
        } catch (RegistryTroubleException e) {
            throw e;
        } catch (IOException e) {
            throw new RegistryTroubleException(registry.name(), method + " at " + location.getHost() + ", where it redirects: "
                    + CallFailures.describe(e, registry.proxy()), CallFailures.kind(e), null);
        }
    }

    private ClassicHttpResponse askRegistry(URI uri, ApiPath path, ClassicHttpRequest request, Tried tried, long end) throws IOException {
        RepositoryName repository = path.repository();
        String authorization = authorizer.known(repository);
        ClassicHttpResponse response = send(request, uri, path.kind(), authorization, end);
        if (response.getCode() == 401 && (authorization == null || !authorization.equals(tried.fresh))) {
            List<String> lines = Arrays.stream(response.getHeaders(HttpHeaders.WWW_AUTHENTICATE)).map(Header::getValue).toList();
            String next = authorizer.answer(Challenge.parse(lines), repository, authorization);
            if (next != null) {
                tried.fresh = next;
                authorization = next;
                response = send(request, uri, path.kind(), authorization, end);
            }
        }
        if (authorization != null) {
            response.setHeader(RegistryAnswers.AUTHORIZED, authorization.startsWith("Bearer ") ? RegistryAnswers.BEARER : RegistryAnswers.BASIC);
        }
        return response;
    }

    private ClassicHttpResponse follow(URI from, ApiPath path, ClassicHttpRequest request, ClassicHttpResponse first, Tried tried, long end)
            throws IOException {
        ClassicHttpResponse response = first;
        URI uri = from;
        for (int hop = 0; isRedirect(response); hop++) {
            uri = location(uri, response);
            if (hop == MOST_REDIRECTS) {
                throw new RegistryTroubleException(registry.name(), "redirects more than " + MOST_REDIRECTS + " times");
            }
            response.close();
            response = path != null && isOwn(uri) ? askRegistry(uri, path, request, tried, end)
                    : send(request, uri, path == null ? ApiPath.Kind.BLOB : path.kind(), null, end);
        }
        return response;
    }

    /**
     * Sends one request; with an answer from 300 on, its body is dropped and the connection is free again. A kept connection that
     * the registry has closed in the meantime, or on which something is left, says nothing of what is asked for: the request goes
     * out once more.
     *
     * @see <a href="https://www.rfc-editor.org/rfc/rfc9112#section-9.3.1">RFC 9112, Retrying Requests</a>
     */
    private ClassicHttpResponse send(ClassicHttpRequest template, URI uri, ApiPath.Kind kind, String authorization, long end)
            throws IOException {
        int stale = 0;
        while (true) {
            HttpClientContext context = HttpClientContext.create();
            if (end - System.nanoTime() <= 0) {
                throw new SocketTimeoutException("what came before took all the time");
            }
            try {
                return send(template, uri, kind, authorization, context, Duration.ofNanos(end - System.nanoTime()));
            } catch (DesyncGuard.LeftoverException e) {
                LOG.debug("{} has sent more than it said; its connection is dropped", registry.name());
                if (System.nanoTime() > end) {
                    throw e;
                }
            } catch (NoHttpResponseException | SocketException e) {
                boolean kept = context.getEndpointDetails() != null && context.getEndpointDetails().getRequestCount() > 1;
                if (!kept || stale == MOST_STALE || System.nanoTime() > end) {
                    throw e;
                }
                stale++;
            }
        }
    }

    private ClassicHttpResponse send(ClassicHttpRequest template, URI uri, ApiPath.Kind kind, String authorization,
            HttpClientContext context, Duration time) throws IOException {
        HttpUriRequestBase request = new HttpUriRequestBase(template.getMethod(), uri);
        boolean own = isOwn(uri);
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
        if (own && authorization != null) {
            request.setHeader(HttpHeaders.AUTHORIZATION, authorization);
        }
        Runnable answered = Deadlines.set(request, time);
        long start = System.nanoTime();
        ClassicHttpResponse response = null;
        try {
            response = http.executeOpen(null, request, context);
        } catch (IllegalStateException e) {
            // What the client says where the deadline ends between two of its steps.
            if (request.isCancelled()) {
                throw new SocketTimeoutException("cancelled at its deadline");
            }
            throw e;
        } finally {
            answered.run();
            tell(template, uri, own, kind, response == null ? 0 : response.getCode(), System.nanoTime() - start);
        }
        byte[] dropped = {};
        if (response.getEntity() != null) {
            // A blob may take as long as its client reads.
            boolean whole = kind != ApiPath.Kind.BLOB || response.getCode() >= 300;
            Runnable received = whole ? Deadlines.set(request, registry.responseTimeout()) : () -> { };
            response.setEntity(new CutOffEntity(response.getEntity(), request::cancel, received));
            if (response.getCode() >= 300) {
                dropped = discard(response);
            }
        }
        origin.mark(response, own, template.getMethod().equals("HEAD"), dropped);
        checkLength(response, own ? template.getMethod() + " " + uri.getPath()
                : template.getMethod() + " at " + uri.getHost() + ", where it redirects");
        return response;
    }

    /**
     * Writes the Content-Length anew, so that nothing of a registry's spelling reaches a client, and drops one that means nothing beside
     * a Transfer-Encoding. The HTTP client reads "+5" as 5, and does not look at all where there is no body.
     *
     * @throws RegistryTroubleException for one that is not a number of at most 18 digits, and for several; the response is closed
     * @see <a href="https://www.rfc-editor.org/rfc/rfc9110#section-8.6">RFC 9110, Content-Length</a>
     */
    private void checkLength(ClassicHttpResponse response, String call) throws IOException {
        int count = response.countHeaders(HttpHeaders.CONTENT_LENGTH);
        if (count == 0) {
            return;
        }
        long length = count > 1 ? -1 : RegistryAnswers.digits(response.getFirstHeader(HttpHeaders.CONTENT_LENGTH).getValue());
        if (length < 0) {
            response.close();
            throw new RegistryTroubleException(registry.name(), call + ": answered " + response.getCode() + " with a Content-Length that is no number");
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

    /** Counts the call and, for who wants to know, writes a line. Where a registry sent us may carry a signature, and an account, so only the host is told. */
    private void tell(ClassicHttpRequest template, URI uri, boolean own, ApiPath.Kind kind, int status, long nanos) {
        if (isCounted(template)) {
            metrics.called(registry.name(), kind.asked(), status, nanos);
        }
        if (own && isCounted(template)) {
            measure(nanos, status);
        }
        if (LOG.isDebugEnabled()) {
            Header id = template.getFirstHeader(RegistryHeaders.REQUEST_ID);
            LOG.atDebug().addKeyValue("request_id", id == null ? "none" : id.getValue())
                    .log("{}: {} {}://{}{} {} in {} ms", registry.name(), template.getMethod(), uri.getScheme(),
                            uri.getPort() < 0 ? uri.getHost() : uri.getHost() + ":" + uri.getPort(),
                            own ? uri.getPath() : "/…", status == 0 ? "failed" : status, TimeUnit.NANOSECONDS.toMillis(nanos));
        }
    }

    /**
     * Reads a short body to its end, so that the connection can be used again. Returns its beginning, nothing of one that is broken: no client
     * gets it.
     */
    private static byte[] discard(ClassicHttpResponse response) {
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

    private static boolean isRedirect(ClassicHttpResponse response) {
        int code = response.getCode();
        return code == 301 || code == 302 || code == 303 || code == 307 || code == 308;
    }

    /** Returns where an answer redirects, made absolute. */
    private URI location(URI from, ClassicHttpResponse response) throws RegistryTroubleException {
        Header location = response.getFirstHeader(HttpHeaders.LOCATION);
        return Locations.resolve(registry.name(), from, location == null ? null : location.getValue());
    }

    private boolean isOwn(URI uri) {
        return base.getScheme().equalsIgnoreCase(uri.getScheme()) && base.getHost().equalsIgnoreCase(uri.getHost())
                && port(base) == port(uri);
    }

    static int port(URI uri) {
        if (uri.getPort() >= 0) {
            return uri.getPort();
        }
        return "https".equalsIgnoreCase(uri.getScheme()) ? 443 : 80;
    }

    private URI uri(ClassicHttpRequest request) throws RegistryTroubleException {
        try {
            return request.getUri();
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
    }
}
