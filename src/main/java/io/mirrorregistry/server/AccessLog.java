package io.mirrorregistry.server;

import io.mirrorregistry.metrics.Metrics;
import io.mirrorregistry.protocol.ApiPath;
import io.mirrorregistry.protocol.ErrorCode;
import io.mirrorregistry.protocol.PushRequest;
import io.mirrorregistry.pull.Pull;
import io.mirrorregistry.registry.AnswerTime;
import io.mirrorregistry.work.MemoryBudget;
import io.vertx.core.Handler;
import io.vertx.core.http.HttpHeaders;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.core.http.HttpServerResponse;
import io.vertx.ext.web.RoutingContext;
import java.time.Duration;
import java.util.Locale;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.slf4j.spi.LoggingEventBuilder;

/**
 * Writes one line for each request on the clients' port: when the network has taken the last byte of its response, or when its connection
 * closes before that. Only the latter is a cut response.
 */
final class AccessLog implements Handler<RoutingContext> {

    private static final Logger LOG = LoggerFactory.getLogger("access");
    private static final String KEY = "mirror.access";
    private static final int LONGEST_VALUE = 512;
    private static final int CLIENT_LEFT = 499;
    /** As what a request with too many wrong passwords counts: 429 would count as a registry that throttles. */
    private static final int UNAUTHORIZED = ErrorCode.UNAUTHORIZED.status();
    /** What is counted as asked for where a request was refused before that was known. */
    private static final String NOT_UNDERSTOOD = "other";

    private final ClientAddress client;
    private final Metrics metrics;

    AccessLog(ClientAddress client, Metrics metrics) {
        this.client = client;
        this.metrics = metrics;
    }

    /** Starts the line; the request goes on. */
    @Override
    public void handle(RoutingContext context) {
        ClientConnection connection = ClientConnection.of(context.request().connection());
        Line line = new Line(context.request(), context.response(), connection, client, metrics);
        context.response().putHeader(RequestId.HEADER, line.id);
        context.put(KEY, line);
        connection.whenEnded(line);
        context.next();
    }

    /** Returns the line of a request; null before {@link #handle}. */
    static Line line(RoutingContext context) {
        return context.get(KEY);
    }

    /** One request's line. */
    static final class Line implements ClientConnection.ResponseEnd {

        private final long start = System.nanoTime();
        private final HttpServerRequest request;
        private final HttpServerResponse response;
        private final ClientConnection connection;
        private final ClientAddress client;
        private final Metrics metrics;
        private final String id;
        private final boolean idGiven;
        private volatile String address;
        private volatile Pull pull;
        private volatile boolean gone;
        private volatile String user;

        private Line(HttpServerRequest request, HttpServerResponse response, ClientConnection connection, ClientAddress client, Metrics metrics) {
            this.request = request;
            this.response = response;
            this.connection = connection;
            this.client = client;
            this.metrics = metrics;
            String given = RequestId.given(request);
            this.idGiven = given != null;
            this.id = idGiven ? given : RequestId.make();
        }

        /**
         * Makes what the mirror knows of the request, which the line tells at the end.
         *
         * @param share the memory that responses may take
         * @param answerTime how long it may take from the arrival of the request to the head of its response
         */
        Pull pull(MemoryBudget.Share share, Duration answerTime) {
            Pull begun = new Pull(request, response, id, !idGiven, share);
            begun.answerTime(AnswerTime.of(start, answerTime));
            begun.clientAddress(clientAddress());
            pull = begun;
            // A client can leave before a worker has begun with its request.
            if (gone) {
                begun.abandon();
            }
            return begun;
        }

        /** Returns the id of the request. */
        String id() {
            return id;
        }

        /** Sets whom the request comes from; empty for nobody. */
        void user(String name) {
            user = name;
        }

        /** Returns the client's IP address; null where the connection is gone and has none. */
        String clientAddress() {
            if (address == null) {
                address = client.of(request);
            }
            return address;
        }

        @Override
        public void ended(boolean whole, long bytes) {
            boolean cut = !whole;
            gone = cut;
            if (cut && pull != null) {
                pull.abandon();
            }
            Pull known = pull;
            // Where no head went out there was no status; 499 is what proxies write for a client that left before it.
            int status = response.headWritten() ? response.getStatusCode() : CLIENT_LEFT;
            long nanos = System.nanoTime() - start;
            measure(known, status, cut, nanos);
            if (LOG.isInfoEnabled()) {
                log(known, status, cut, bytes, TimeUnit.NANOSECONDS.toMillis(nanos));
            }
        }

        private void measure(Pull known, int status, boolean cut, long nanos) {
            if (known != null && known.push() != null) {
                PushRequest push = known.push();
                // A target that failed has served nobody.
                String target = known.servedBy() != null || known.registry() == null ? known.servedBy() : known.registry().name();
                metrics.pushed(push.path().kind().asked(), push.method().name().toLowerCase(Locale.ROOT), target, status, cut, connection.received());
            } else if (known != null && known.isPushAttempted()) {
                metrics.pushed(known.request().path().kind().asked(), method(request.method().name()), null, status, cut, connection.received());
            } else if (known != null && known.request() != null) {
                metrics.pulled(known.request().path().kind().asked(), known.servedBy(), known.isLoginRefused() ? UNAUTHORIZED : status, cut, nanos);
                for (Pull.Fallback fallback : known.fallbacks()) {
                    metrics.fellBack(loggedPath(known), fallback.registry(), fallback.reason(), fallback.message());
                }
            } else if (request.path() != null && request.path().startsWith("/v2")) {
                metrics.pulled(NOT_UNDERSTOOD, null, status, cut, nanos);
            }
        }

        /** Returns a method of pushes as metrics name it; a client may write any other. */
        private static String method(String written) {
            for (PushRequest.Method method : PushRequest.Method.values()) {
                if (method.name().equals(written)) {
                    return written.toLowerCase(Locale.ROOT);
                }
            }
            return NOT_UNDERSTOOD;
        }

        private void log(Pull known, int status, boolean cut, long bytes, long milliseconds) {
            String servedBy = known == null || known.servedBy() == null ? "none" : known.servedBy();
            String path = loggedPath(known);
            LoggingEventBuilder line = LOG.atInfo()
                    .addKeyValue("method", request.method().name())
                    .addKeyValue("path", path);
            if (known != null && known.request() != null && known.request().path().repository() != null) {
                line = line.addKeyValue("repository", known.request().path().repository().value());
                if (known.givenNamespace() != null) {
                    line = line.addKeyValue("namespace", known.givenNamespace());
                }
                if (known.request().path().reference() != null) {
                    line = line.addKeyValue("reference", known.request().path().reference().value());
                }
            }
            String from = known == null || known.user() == null ? user : known.user();
            if (from != null && !from.isEmpty()) {
                line = line.addKeyValue("user", from);
            }
            line = line.addKeyValue("status", status)
                    .addKeyValue("registry", servedBy)
                    .addKeyValue("milliseconds", milliseconds)
                    .addKeyValue("bytes", bytes);
            if (hadBody()) {
                line = line.addKeyValue("received", connection.received());
            }
            line.addKeyValue("cut", cut)
                    .addKeyValue("remote", clientAddress())
                    .addKeyValue("user_agent", bounded(request.getHeader("User-Agent")))
                    .addKeyValue("request_id", id)
                    .log(request.method().name() + ' ' + path + ' ' + status + ' ' + servedBy + ' ' + milliseconds + " ms");
        }

        private boolean hadBody() {
            String length = request.getHeader(HttpHeaders.CONTENT_LENGTH);
            return length != null && !length.equals("0") || request.headers().contains(HttpHeaders.TRANSFER_ENCODING);
        }

        /** A path that was understood, and is none of an upload, is written as it is. */
        private String loggedPath(Pull known) {
            boolean isPlain = known != null && known.request() != null && known.request().path().kind() != ApiPath.Kind.UPLOAD;
            return bounded(isPlain ? request.path() : LoggedPath.of(request.path()));
        }

        private static String bounded(String value) {
            return value == null || value.length() <= LONGEST_VALUE ? value : value.substring(0, LONGEST_VALUE) + "…";
        }
    }
}
