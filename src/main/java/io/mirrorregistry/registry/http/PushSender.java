package io.mirrorregistry.registry.http;

import io.mirrorregistry.config.RegistrySettings;
import io.mirrorregistry.metrics.Metrics;
import io.mirrorregistry.protocol.ApiPath;
import io.mirrorregistry.protocol.PushRequest;
import io.mirrorregistry.registry.CallFailures;
import io.mirrorregistry.registry.CallTime;
import io.mirrorregistry.registry.CutOffEntity;
import io.mirrorregistry.registry.Deadlines;
import io.mirrorregistry.registry.PushBodyException;
import io.mirrorregistry.registry.PushCall;
import io.mirrorregistry.registry.RegistryTroubleException;
import java.io.IOException;
import java.io.InputStream;
import java.net.SocketException;
import java.net.SocketTimeoutException;
import java.time.Duration;
import java.util.Arrays;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.apache.hc.client5.http.ConnectTimeoutException;
import org.apache.hc.client5.http.classic.methods.HttpUriRequestBase;
import org.apache.hc.client5.http.impl.classic.CloseableHttpClient;
import org.apache.hc.client5.http.protocol.HttpClientContext;
import org.apache.hc.core5.http.ClassicHttpResponse;
import org.apache.hc.core5.http.HttpHeaders;
import org.apache.hc.core5.http.NoHttpResponseException;
import org.apache.hc.core5.net.URIAuthority;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.slf4j.spi.LoggingEventBuilder;

/**
 * Sends the requests of one call. A request that may be sent twice goes on a kept connection, and once more if the registry has closed that in the
 * meantime. Any other gets a connection of its own, so that it never has to be sent again: one with a body, and one that ends an upload.
 */
final class PushSender {

    private static final Logger LOG = LoggerFactory.getLogger(PushSender.class);
    /** So many kept connections may be found closed in a row. */
    private static final int MOST_STALE = 3;
    private static final int MOST_BODY_BYTES = 64 * 1024;
    private static final Set<PushRequest.Method> TWICE = Set.of(PushRequest.Method.HEAD, PushRequest.Method.GET, PushRequest.Method.POST);

    private final RegistrySettings registry;
    private final Metrics metrics;
    private final PushClients clients;
    private final AnswerOrigin origin;
    private final PushCall call;
    private final Location place;
    private final boolean own;
    private final ApiPath.Kind kind;

    /**
     * @param origin learns what the registry's errors look like
     * @param place where the call goes
     * @param own whether that is the registry's own server
     * @param kind what the call is about, for the metrics
     */
    PushSender(RegistrySettings registry, Metrics metrics, PushClients clients, AnswerOrigin origin, PushCall call, Location place, boolean own,
            ApiPath.Kind kind) {
        this.registry = registry;
        this.metrics = metrics;
        this.clients = clients;
        this.origin = origin;
        this.call = call;
        this.place = place;
        this.own = own;
        this.kind = kind;
    }

    /**
     * A response whose connection is free again, or closed.
     *
     * @param head without a body
     * @param body its beginning, at most {@value #MOST_BODY_BYTES} bytes; of one that broke off, what had come
     * @param begun whether a byte of the request's body was written
     */
    record Reply(ClassicHttpResponse head, byte[] body, boolean begun) {

        int status() {
            return head.getCode();
        }
    }

    /**
     * Sends the request of the call.
     *
     * @param authorization null for none
     * @throws PushBodyException when the source of the body failed
     */
    Reply send(String authorization) throws IOException {
        if (call.body() == null && TWICE.contains(call.method())) {
            return sendKept(request(call.method().name(), authorization), call.answerTime());
        }
        HttpUriRequestBase request = request(call.method().name(), authorization);
        Duration head = registry.connectTimeout().plus(registry.responseTimeout());
        UploadTransfer transfer = new UploadTransfer(call.body(), request, head, registry.responseTimeout(), call.answerTime());
        if (call.body() != null) {
            request.setEntity(transfer);
        }
        HttpClientContext context = HttpClientContext.create();
        context.setAttribute(UploadTransfer.ATTRIBUTE, transfer);
        try {
            return attempt(clients.uploads(), request, context, transfer::end, transfer);
        } catch (PushBodyException e) {
            throw e;
        } catch (IOException e) {
            throw transfer.hasStalled() ? timedOut("took no byte for ", registry.responseTimeout().toNanos())
                    : isTimeout(e, transfer.hasTimedOut()) ? timedOut("timed out after ", System.nanoTime() - transfer.lastWrite()) : e;
        } finally {
            transfer.end();
        }
    }

    /** Asks the same place how far the upload is, without an authorization: the response tells which one is wanted. */
    Reply sendUnauthorized() throws IOException {
        return sendKept(request("GET", null), registry.responseTimeout());
    }

    private Reply sendKept(HttpUriRequestBase first, Duration time) throws IOException {
        long began = System.nanoTime();
        long end = began + time.toNanos();
        HttpUriRequestBase request = first;
        for (int stale = 0; ; stale++) {
            HttpClientContext context = HttpClientContext.create();
            Deadlines.Deadline answered = Deadlines.set(request, Duration.ofNanos(Math.max(0, end - System.nanoTime())));
            try {
                return attempt(clients.kept(), request, context, answered, null);
            } catch (IOException e) {
                if (isTimeout(e, answered.hasEnded())) {
                    throw timedOut("timed out after ", System.nanoTime() - began);
                }
                if (!isStale(e, context) || stale == MOST_STALE) {
                    throw e;
                }
            } finally {
                answered.run();
            }
            request = copy(first);
        }
    }

    /** Returns whether a kept connection was closed, or cannot be used. The registry has not responded, and perhaps not even got the request. */
    private static boolean isStale(IOException failure, HttpClientContext context) {
        boolean kept = context.getEndpointDetails() != null && context.getEndpointDetails().getRequestCount() > 1;
        return failure instanceof DesyncGuard.LeftoverException || kept && (failure instanceof NoHttpResponseException || failure instanceof SocketException);
    }

    private static boolean isTimeout(IOException failure, boolean cancelled) {
        return cancelled || failure instanceof SocketTimeoutException && !(failure instanceof ConnectTimeoutException);
    }

    private RegistryTroubleException timedOut(String how, long nanos) {
        return new RegistryTroubleException(registry.name(), call + ": " + how + CallTime.seconds(nanos) + CallFailures.byWayOf(registry.proxy()));
    }

    private HttpUriRequestBase request(String method, String authorization) {
        HttpUriRequestBase request = new TargetRequest(method, registry.url(), place.requestTarget());
        request.setScheme(place.scheme());
        request.setAuthority(new URIAuthority(place.host(), place.port()));
        if (own) {
            registry.headers().forEach(request::setHeader);
        } else {
            request.setHeader(HttpHeaders.USER_AGENT, registry.headers().get(HttpHeaders.USER_AGENT));
        }
        call.headers().forEach(request::setHeader);
        request.setHeader(HttpHeaders.ACCEPT_ENCODING, "identity");
        if (call.passed() != null) {
            request.setHeader(HttpHeaders.VIA, call.passed());
        }
        if (own && call.requestId() != null) {
            request.setHeader(RegistryHeaders.REQUEST_ID, call.requestId());
        }
        if (authorization != null) {
            request.setHeader(HttpHeaders.AUTHORIZATION, authorization);
        }
        request.setConfig(HttpClients.config(registry, call.answerTime()));
        return request;
    }

    /** A request that was cancelled stays so. */
    private HttpUriRequestBase copy(HttpUriRequestBase request) {
        HttpUriRequestBase copy = request(request.getMethod(), null);
        copy.setHeaders(request.getHeaders());
        return copy;
    }

    /**
     * @param answered calls off what ends the request if there is no response in time
     * @param transfer null on a kept connection
     */
    private Reply attempt(CloseableHttpClient http, HttpUriRequestBase request, HttpClientContext context, Runnable answered, UploadTransfer transfer)
            throws IOException {
        long start = System.nanoTime();
        ClassicHttpResponse response = null;
        line(request).log("Registry {}: {} is sent", registry.name(), call);
        try {
            response = http.executeOpen(null, request, context);
        } catch (RuntimeException e) {
            // In a wrong state the client is where a deadline ends between two of its steps.
            throw new IOException("the HTTP client failed: " + e, e);
        } finally {
            answered.run();
            tell(request, response == null ? 0 : response.getCode(), System.nanoTime() - (transfer == null ? start : transfer.lastWrite()));
        }
        byte[] body = body(request, response);
        origin.mark(response, true, request.getMethod().equals("HEAD"), body);
        RegistryClient.checkLength(registry.name(), response, call.toString());
        return new Reply(response, body, transfer != null && transfer.isBegun());
    }

    /** Reads the body, so that the connection is free, or closes it if it is long. */
    private byte[] body(HttpUriRequestBase request, ClassicHttpResponse response) {
        if (response.getEntity() == null) {
            return new byte[0];
        }
        Deadlines.Deadline received = Deadlines.set(request, registry.responseTimeout());
        byte[] bytes = new byte[MOST_BODY_BYTES];
        int count = 0;
        try (InputStream body = new CutOffEntity(response.getEntity(), request::cancel, received).getContent()) {
            int more = 0;
            while (more >= 0 && count < MOST_BODY_BYTES) {
                more = body.read(bytes, count, MOST_BODY_BYTES - count);
                count += Math.max(0, more);
            }
            if (more >= 0) {
                body.read();
            }
        } catch (IOException | IllegalStateException e) {
            LOG.debug("Registry {}: the body of a response {} broke off", registry.name(), response.getCode(), e);
        } finally {
            response.setEntity(null);
        }
        return Arrays.copyOf(bytes, count);
    }

    /** Counts the call, from the last byte of its body, and logs its response at debug. */
    private void tell(HttpUriRequestBase request, int status, long nanos) {
        metrics.called(registry.name(), kind.asked(), status, nanos);
        long millis = TimeUnit.NANOSECONDS.toMillis(nanos);
        LoggingEventBuilder line = line(request).addKeyValue("milliseconds", millis);
        if (status == 0) {
            line.log("Registry {}: {} failed in {} ms", registry.name(), call, millis);
        } else {
            line.addKeyValue("status", status).log("Registry {}: {} {} in {} ms", registry.name(), call, status, millis);
        }
    }

    private LoggingEventBuilder line(HttpUriRequestBase request) {
        LoggingEventBuilder line = LOG.atDebug().addKeyValue("registry", registry.name()).addKeyValue("method", request.getMethod());
        return call.requestId() == null ? line : line.addKeyValue("request_id", call.requestId());
    }
}
