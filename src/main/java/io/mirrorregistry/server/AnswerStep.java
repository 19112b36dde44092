package io.mirrorregistry.server;

import io.mirrorregistry.logging.RepeatedFault;
import io.mirrorregistry.protocol.ApiPath;
import io.mirrorregistry.protocol.ErrorCode;
import io.mirrorregistry.protocol.MediaTypes;
import io.mirrorregistry.protocol.ProtocolException;
import io.mirrorregistry.pull.KeptManifest;
import io.mirrorregistry.pull.Pull;
import io.mirrorregistry.registry.ClientLeftException;
import io.mirrorregistry.registry.RegistryTroubleException;
import io.mirrorregistry.registry.Step;
import io.mirrorregistry.work.FatalErrors;
import io.netty.handler.codec.http.HttpHeaderNames;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Objects;
import org.apache.camel.Exchange;
import org.apache.camel.Message;
import org.slf4j.LoggerFactory;
import org.slf4j.event.Level;

/**
 * The step {@code answer} of routes: the answers that are the mirror's own.
 *
 * @see <a href="https://github.com/opencontainers/distribution-spec/blob/v1.1.0/spec.md#error-codes">Error codes</a>
 */
public final class AnswerStep {

    private static final String API_VERSION = "Docker-Distribution-Api-Version";
    private static final int NOT_MODIFIED = 304;
    private static final String RETRY_AFTER = "Retry-After";
    /** Seconds after which another try is worth it, where no registry told. */
    private static final String RETRY_SOON = "5";

    private static final ByteBuffer EMPTY_OBJECT = json("{}");
    private static final ByteBuffer HEALTHY = json("{\"status\":\"healthy\"}");

    private final RepeatedFault faults = new RepeatedFault(LoggerFactory.getLogger(AnswerStep.class), Level.ERROR);

    /**
     * Says that this is a registry.
     *
     * @throws IllegalStateException for a request of a push, which the routes have sent nowhere
     */
    @Step(sets = "answer")
    public void apiVersion(Exchange exchange) {
        if (Pull.of(exchange) != null && Pull.of(exchange).push() != null) {
            throw new IllegalStateException("mirror.push.registry is set, and the front door sends pushes (variable asked: push) nowhere");
        }
        ok(exchange, EMPTY_OBJECT);
    }

    /** Says that the mirror can serve. */
    @Step(sets = "answer")
    public void healthy(Exchange exchange) {
        exchange.getMessage().removeHeaders("*");
        ok(exchange, HEALTHY);
        withoutBodyToHead(exchange);
    }

    private static void ok(Exchange exchange, ByteBuffer body) {
        Message message = exchange.getMessage();
        message.setHeader(Exchange.HTTP_RESPONSE_CODE, 200);
        message.setHeader(Exchange.CONTENT_TYPE, MediaTypes.JSON);
        message.setBody(body.duplicate());
    }

    private static ByteBuffer json(String text) {
        return ByteBuffer.wrap(text.getBytes(StandardCharsets.UTF_8)).asReadOnlyBuffer();
    }

    /**
     * Gives the answer what every answer has; to HEAD it keeps all of GET's headers without the body. A manifest that the client has
     * already, as its If-None-Match says, becomes 304. A Warning stays: a client may not take for new what is known to be stale.
     */
    @Step(needs = "answer", sets = "answer")
    public void finish(Exchange exchange) {
        Message message = exchange.getMessage();
        message.setHeader(API_VERSION, "registry/2.0");
        Pull pull = Pull.of(exchange);
        if (pull != null && pull.sent(HttpHeaderNames.IF_NONE_MATCH) && message.getHeader(KeptManifest.ETAG) instanceof String etag
                && EntityTags.match(pull.lines(HttpHeaderNames.IF_NONE_MATCH), etag)) {
            message.setHeader(Exchange.HTTP_RESPONSE_CODE, NOT_MODIFIED);
            message.removeHeader(Exchange.CONTENT_TYPE);
            message.removeHeader(Exchange.CONTENT_LENGTH);
            message.setBody(null);
        }
        withoutBodyToHead(exchange);
    }

    private static void withoutBodyToHead(Exchange exchange) {
        Message message = exchange.getMessage();
        Pull pull = Pull.of(exchange);
        if (pull != null && pull.head() && message.getBody() instanceof ByteBuffer body) {
            message.setHeader(Exchange.CONTENT_LENGTH, (long) body.remaining());
            message.setBody(null);
        }
    }

    /** Refuses a request that is outside the protocol. */
    @Step(needs = "failure", sets = "answer")
    public void refuse(Exchange exchange) {
        ProtocolException refused = exchange.getProperty(Exchange.EXCEPTION_CAUGHT, ProtocolException.class);
        error(exchange, refused.code(), refused.getMessage(), refused.detail());
        if (refused.code() == ErrorCode.UNSUPPORTED) {
            exchange.getMessage().setHeader("Allow", Pull.of(exchange).allow());
        } else if (refused.code() == ErrorCode.RANGE_INVALID && refused.detail() != null) {
            exchange.getMessage().setHeader("Content-Range", refused.detail());
        }
    }

    /** Says that clients may not have this, whoever has it. */
    @Step(needs = "request", sets = "answer")
    public void denied(Exchange exchange) {
        ApiPath path = Pull.of(exchange).request().path();
        error(exchange, ErrorCode.DENIED, Pull.of(exchange).push() == null ? "This mirror does not serve this repository." : "This mirror does not take this push.", path.repository() == null ? null : path.repository().value());
    }

    /** Says that no registry has what was asked for. */
    @Step(needs = "request", sets = "answer")
    public void missing(Exchange exchange) {
        ApiPath path = Pull.of(exchange).request().path();
        switch (path.kind()) {
            case BLOB -> error(exchange, ErrorCode.BLOB_UNKNOWN, "No registry has this blob.", path.reference().value());
            case TAGS -> error(exchange, ErrorCode.NAME_UNKNOWN, "No registry has this repository.", path.repository().value());
            case UPLOAD -> error(exchange, ErrorCode.BLOB_UPLOAD_UNKNOWN, "No registry has this upload.", path.repository().value());
            default -> error(exchange, ErrorCode.MANIFEST_UNKNOWN, "No registry has this manifest.", path.reference().value());
        }
    }

    /** Says that a registry wants us to slow down, and for how long. */
    @Step(needs = "failures", sets = "answer")
    public void throttled(Exchange exchange) {
        error(exchange, ErrorCode.TOOMANYREQUESTS, "A registry has asked for fewer requests.", names(exchange));
        exchange.getMessage().setHeader(RETRY_AFTER, retryAfter(exchange));
    }

    /** Says that a registry is in trouble, so that nobody knows whether it has what was asked for. */
    @Step(needs = "failures", sets = "answer")
    public void unavailable(Exchange exchange) {
        String names = names(exchange);
        String text = names.isEmpty() ? "The mirror's plan for this cannot work; its log tells why."
                : Pull.of(exchange).isTurnMissed() ? "More requests wait for a registry than it can answer in time, and no other has this; try again."
                : Pull.of(exchange).push() != null ? "The registry that takes pushes is in trouble; try again."
                : "A registry is in trouble and no other has this; try again.";
        error(exchange, ErrorCode.UNAVAILABLE, text, names.isEmpty() ? null : names);
        exchange.getMessage().setHeader(RETRY_AFTER, retryAfter(exchange));
    }

    /** Says that the mirror itself has failed, without saying how. */
    @Step(needs = "failure", sets = "answer")
    public void failed(Exchange exchange) {
        Pull pull = Pull.of(exchange);
        Exception failure = exchange.getProperty(Exchange.EXCEPTION_CAUGHT, Exception.class);
        FatalErrors.check(failure);
        boolean understood = pull != null && pull.request() != null;
        String key = (understood ? pull.request().path().kind() : "") + " " + exchange.getProperty(Exchange.FAILURE_ROUTE_ID) + " "
                + (failure == null ? "" : failure.getClass().getName());
        if (!(failure instanceof ClientLeftException)) {
            faults.log(key, null, pull == null ? null : pull.requestId(), failure, "The mirror failed" + (understood ? " at " + pull.request().path() : ""));
        }
        error(exchange, ErrorCode.UNKNOWN, "The mirror failed; its log tells how.", null);
    }

    private static String names(Exchange exchange) {
        List<RegistryTroubleException> troubles = Pull.of(exchange).troubles();
        return String.join(", ", troubles.stream().map(RegistryTroubleException::registry).filter(name -> !name.equals(Pull.NOBODY)).distinct().toList());
    }

    /** Returns what the first registry told that told something. */
    private static String retryAfter(Exchange exchange) {
        return Pull.of(exchange).troubles().stream().map(RegistryTroubleException::retryAfter)
                .filter(Objects::nonNull).findFirst().orElse(RETRY_SOON);
    }

    private void error(Exchange exchange, ErrorCode code, String text, String detail) {
        Message message = exchange.getMessage();
        message.removeHeaders("*");
        message.setHeader(Exchange.HTTP_RESPONSE_CODE, code.status());
        message.setHeader(Exchange.CONTENT_TYPE, MediaTypes.JSON);
        message.setBody(ByteBuffer.wrap(ErrorBody.of(code, text, detail).getBytes()));
        finish(exchange);
    }
}
