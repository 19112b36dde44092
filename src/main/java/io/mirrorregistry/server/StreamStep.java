package io.mirrorregistry.server;

import io.mirrorregistry.config.Settings.ServerSettings;
import io.mirrorregistry.metrics.Metrics;
import io.mirrorregistry.protocol.ByteRange;
import io.mirrorregistry.protocol.Digest;
import io.mirrorregistry.protocol.ErrorCode;
import io.mirrorregistry.protocol.MediaTypes;
import io.mirrorregistry.protocol.ProtocolException;
import io.mirrorregistry.pull.BlobStep;
import io.mirrorregistry.pull.Pull;
import io.mirrorregistry.registry.AnswerTime;
import io.mirrorregistry.registry.Call;
import io.mirrorregistry.registry.ClientLeftException;
import io.mirrorregistry.registry.OpenBodies;
import io.mirrorregistry.registry.Redirects;
import io.mirrorregistry.registry.Registry;
import io.mirrorregistry.registry.RegistryAnswers;
import io.mirrorregistry.registry.RegistryTroubleException;
import io.mirrorregistry.registry.Step;
import io.mirrorregistry.registry.StoredBlob;
import io.mirrorregistry.registry.Turns;
import io.mirrorregistry.work.OnWorker;
import io.mirrorregistry.work.Place;
import java.io.InputStream;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import org.apache.camel.Exchange;
import org.apache.camel.Message;
import org.apache.camel.spi.InflightRepository;

/**
 * The step {@code stream} of routes: makes the bytes that a registry sends the answer, without keeping them. Headers that the route sets after
 * this step go out with the blob; those of the registry's response do not.
 *
 * <p>The step reads the first bytes, so that another registry can be asked where there are none. {@link ClientsConsumer} has the rest sent
 * after the route has ended. Camel's own way with a stream does not end with the client, nor cut what the registry has cut.
 */
public final class StreamStep {

    private final Metrics metrics;
    private final Streams streams;
    private final StreamReports reports;
    private final Executor workers;

    /**
     * @param settings bounds the streams: those of one registry, so that a slow one, or slow clients of it, leave workers for the other, and all
     *     of them; a quarter of the workers is left for what does not stream
     * @param workers continues requests that have waited
     * @param metrics counts what is written
     */
    public StreamStep(ServerSettings settings, Executor workers, Metrics metrics) {
        int perRegistry = settings.callsPerRegistry();
        this.streams = new Streams(perRegistry, Math.max(perRegistry, settings.workers() - settings.workers() / 4), settings.queueTime());
        this.workers = workers;
        this.metrics = metrics;
        this.reports = new StreamReports(metrics);
    }

    /** Returns how many requests wait for their turn to stream. */
    public int waiting() {
        return streams.waiting();
    }

    /**
     * Reserves a place for the stream that the next call begins. If too many streams are under way, the request waits for its turn, without a
     * thread and without an open response, for as long as its time for an answer allows.
     *
     * @return what completes when the call can be made
     * @throws RegistryTroubleException if too many streams are under way, and the plan has another registry to ask meanwhile
     */
    @Step(needs = "target", fails = {RegistryTroubleException.class, ClientLeftException.class})
    public CompletionStage<Void> reserve(Exchange exchange) throws RegistryTroubleException {
        Pull pull = Pull.of(exchange);
        String registry = pull.registry().name();
        pull.streamPlace(null);
        Place place = streams.tryTake(registry);
        AnswerTime time = pull.answerTime();
        if (place != null || time == null) {
            pull.streamPlace(place);
            return OnWorker.now(workers);
        }
        long nanos = time.left();
        boolean roomMade = streams.makeRoom(registry);
        if (pull.isAnotherLeft()) {
            if (!roomMade) {
                RegistryTroubleException busy = notStreamed(pull, "");
                pull.passOver(busy);
                throw busy;
            }
            nanos = Math.min(nanos, Streams.WAIT_FOR_ENDED_NANOS);
        }
        return Turns.await(pull, streams.take(registry, time.began(), nanos), workers, taken -> {
            if (taken == null) {
                pull.missTurn();
                throw notStreamed(pull, ", and its turn did not come in time");
            }
            pull.streamPlace(taken);
        });
    }

    static RegistryTroubleException notStreamed(Pull pull, String more) {
        return new RegistryTroubleException(pull.registry().name(), "GET " + pull.pathThere() + " was not streamed: too many streams are under way" + more,
                RegistryTroubleException.Kind.NOT_ASKED, null);
    }

    /**
     * Makes the blob, or the part of it that was asked for, the answer.
     *
     * @throws RegistryTroubleException when the registry breaks off before the first byte; or when no place is {@linkplain #reserve reserved} and too
     *     many streams are under way, so that another registry can be asked
     * @throws ProtocolException RANGE_INVALID when the part lies outside the blob
     */
    @Step(needs = {"call", "response"}, sets = "answer")
    public void write(Exchange exchange) throws RegistryTroubleException, ProtocolException {
        Pull pull = Pull.of(exchange);
        Object body = exchange.getMessage().getBody();
        Streams.Running running = null;
        boolean begun = false;
        try {
            StreamPlace place = pull.takeStreamPlace() instanceof StreamPlace reserved ? reserved : streams.tryTake(pull.registry().name());
            if (place == null) {
                throw unexpected(pull);
            }
            running = streams.begin(pull.registry().name(), place, pull);
            running.whenClosed(begins(exchange));
            StreamedBody streamed = body instanceof StoredBlob blob ? file(exchange, blob, running) : stream(exchange, running);
            begun = true;
            pull.bodies().add(streamed);
            exchange.getMessage().setBody(streamed);
        } finally {
            if (!begun) {
                if (running != null) {
                    running.close();
                }
                // Also where nothing was read of it: an open body keeps its connection.
                if (body instanceof InputStream stream) {
                    OpenBodies.close(stream);
                }
            }
        }
    }

    /** A stream that nobody has expected, as the registry redirects, is asked for once more, if nobody else has it: its place is reserved then. */
    private RegistryTroubleException unexpected(Pull pull) {
        // The end of a slow stream makes room for a later one.
        streams.makeRoom(pull.registry().name());
        RegistryTroubleException busy = notStreamed(pull, "");
        if (!pull.isStreamExpected()) {
            pull.expectStream();
            pull.passOver(busy);
        }
        return busy;
    }

    /**
     * Has a route fetch the rest if the registry breaks off, or sends nothing for its response-timeout, while the blob is sent. That route begins
     * with the failure that the stream ended with. It asks another registry with {@link #prepareRest} and {@link #resume}; if it ends without
     * {@link #resume}, the client's response is cut. No effect on an answer that is not copied from a registry, such as a file of a folder.
     *
     * @param address what the route begins with, such as {@code direct:blob-rest}
     */
    @Step(needs = "answer")
    public void resumeBy(String address, Exchange exchange) {
        if (exchange.getMessage().getBody() instanceof StreamedBlob blob) {
            blob.resumeBy(new RestRoute(exchange, address));
        }
    }

    /**
     * Prepares the call for the bytes that are missing after a stream has broken off, wherever they are.
     *
     * @throws ClientLeftException if the client has left
     */
    @Step(needs = {"target", "failure"}, sets = "call")
    public void prepareRest(Exchange exchange) throws ClientLeftException {
        Pull pull = Pull.of(exchange);
        StreamedBlob blob = StreamedBlob.brokenOff(exchange);
        if (pull.abandoned()) {
            throw new ClientLeftException();
        }
        pull.call(new Call(false, pull.pathThere(), null, null, blob.missing(), Redirects.ALL));
    }

    /**
     * Continues the stream that has broken off with the registry's response.
     *
     * @throws RegistryTroubleException if that does not have exactly the missing bytes, or too many streams are under way
     * @throws ClientLeftException if the client has left
     */
    @Step(needs = {"call", "response"}, sets = "rest")
    public void resume(Exchange exchange) throws RegistryTroubleException, ClientLeftException, InterruptedException {
        Object body = exchange.getMessage().getBody();
        boolean resumed = false;
        try {
            StreamedBlob.brokenOff(exchange).resume(exchange);
            resumed = true;
        } finally {
            if (!resumed && body instanceof InputStream unread) {
                OpenBodies.close(unread);
            }
        }
    }

    /**
     * Counts the stream, for Camel too: it stops a route when no exchange is in it, although the answer of one may still be on its way.
     *
     * @return what counts it out
     */
    private Runnable begins(Exchange exchange) {
        InflightRepository inflight = exchange.getContext().getInflightRepository();
        String route = exchange.getFromRouteId();
        inflight.add(exchange, route);
        metrics.streamBegins();
        return () -> {
            metrics.streamEnds();
            inflight.remove(exchange, route);
        };
    }

    private StreamedBody stream(Exchange exchange, Streams.Running running) throws RegistryTroubleException, ProtocolException {
        Message message = exchange.getMessage();
        Pull pull = Pull.of(exchange);
        int status = Registry.status(exchange);
        String contentRange = message.getHeader("Content-Range", String.class);
        boolean part = pull.call().range() != null;
        if (status == 416 && part) {
            throw outside(contentRange != null && RegistryAnswers.isPrintable(contentRange) ? contentRange : null);
        }
        if (status != 200 && (status != 206 || contentRange == null || !part)) {
            throw trouble(pull, "was answered with " + status);
        }
        ByteRange.Answered answered = status == 200 ? null : ByteRange.answered(contentRange, pull.call().range());
        if (status == 206 && answered == null) {
            throw trouble(pull, "was answered with another part than the one asked for");
        }
        BlobStep.Found found = pull.found();
        if (answered != null && found != null && answered.contradicts(found.length())) {
            throw trouble(pull, "was answered with a part of a blob of another size");
        }
        InputStream body = message.getBody() instanceof InputStream stream ? stream : InputStream.nullInputStream();
        StreamedBytes bytes = StreamedBytes.of(message, (Digest) pull.call().path().reference(), answered, found == null ? -1 : found.length());
        StreamedBlob blob = new StreamedBlob(pull, body, bytes, running, reports);
        blob.begin();
        answer(exchange, status, answered == null ? null : contentRange);
        return blob;
    }

    private static RegistryTroubleException trouble(Pull pull, String what) {
        return new RegistryTroubleException(pull.registry().name(), pull.call() + " " + what);
    }

    private StreamedBody file(Exchange exchange, StoredBlob blob, Streams.Running running) throws ProtocolException {
        ByteRange range = ByteRange.parse(Pull.of(exchange).call().range(), blob.size());
        if (range == null) {
            throw outside("bytes */" + blob.size());
        }
        boolean all = range.isAllOf(blob.size());
        answer(exchange, all ? 200 : 206, all ? null : range.contentRange(blob.size()));
        return new StreamedFile(Pull.of(exchange), blob, range, running, reports);
    }

    private static void answer(Exchange exchange, int status, String contentRange) {
        Pull pull = Pull.of(exchange);
        pull.servedBy(pull.registry().name());
        Message message = exchange.getMessage();
        message.removeHeaders("*");
        message.setHeader(Exchange.HTTP_RESPONSE_CODE, status);
        message.setHeader(Exchange.CONTENT_TYPE, MediaTypes.OCTET_STREAM);
        message.setHeader("Docker-Content-Digest", pull.call().path().reference().value());
        message.setHeader("Accept-Ranges", "bytes");
        if (contentRange != null) {
            message.setHeader("Content-Range", contentRange);
        }
    }

    private static ProtocolException outside(String contentRange) {
        return new ProtocolException(ErrorCode.RANGE_INVALID, "The range lies outside the blob.", contentRange);
    }
}
