package io.mirrorregistry.warm;

import io.mirrorregistry.config.WarmSettings;
import io.mirrorregistry.status.ManagementResponse;
import io.mirrorregistry.warm.WarmQueue.RefusedException;
import io.mirrorregistry.warm.queue.Item;
import io.mirrorregistry.warm.queue.StoreAwayException;
import io.mirrorregistry.work.FatalErrors;
import io.vertx.core.Vertx;
import io.vertx.core.WorkerExecutor;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpMethod;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.core.json.JsonObject;
import io.vertx.ext.web.Router;
import io.vertx.ext.web.RoutingContext;
import java.time.Instant;
import java.util.Locale;
import java.util.concurrent.Callable;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.regex.Pattern;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * {@code /warm} on the management port: shows the queue, takes images and cancels items. Every response is JSON; an error has the member {@code error}
 * with one sentence. A page of another site must not make the browser of an operator copy images. Browsers announce such a page in Sec-Fetch-Site
 * (403), and before they send JSON or DELETE to another origin they ask that origin, which does not allow it.
 */
public final class WarmPage implements AutoCloseable {

    /** Maximum bytes of the body of a request. */
    static final int MOST_BYTES = 64 * 1024;
    /** Maximum calls of the queue that run or wait for a thread. */
    static final int MOST_CALLS = 16;

    private static final Logger LOG = LoggerFactory.getLogger(WarmPage.class);
    private static final String PATH = "/warm";
    private static final String JSON = "application/json";
    /** A body that is longer is read to its end, so that the client gets the response; beyond this its connection is closed. */
    private static final int MOST_READ = 1024 * 1024;
    private static final int THREADS = 2;
    /** How long clients wait after 503, in seconds. */
    private static final String RETRY_AFTER = "5";
    private static final Pattern ID = Pattern.compile("[0-9]{1,18}");

    private final WarmQueue queue;
    /** Null while nothing is copied. */
    private final WorkerExecutor threads;
    private final AtomicInteger calls = new AtomicInteger();

    private record Reply(int status, JsonObject body, String location) {

        private static Reply of(Item item, String id) {
            return item == null ? error(404, "There is no item " + id + ".") : new Reply(200, WarmJson.item(item), null);
        }

        private static Reply error(int status, String sentence) {
            return new Reply(status, new JsonObject().put("error", sentence), null);
        }
    }

    /**
     * @param queue null while nothing is copied
     * @param vertx makes the threads that wait for the database
     */
    public WarmPage(WarmQueue queue, Vertx vertx) {
        this.queue = queue;
        this.threads = queue == null ? null : vertx.createSharedWorkerExecutor("warm-page", THREADS);
    }

    /** Ends the threads. */
    @Override
    public void close() {
        if (threads != null) {
            threads.close();
        }
    }

    /** Serves the page there. */
    public void serve(Router router) {
        router.route(PATH).handler(this::answer);
        router.route(PATH + "/:id").handler(this::answerItem);
    }

    /** Runs on the event loop. */
    private void answer(RoutingContext context) {
        HttpMethod method = context.request().method();
        if (isAllowed(context, method == HttpMethod.POST || isRead(method), "GET, HEAD, POST")) {
            if (method == HttpMethod.POST) {
                readQuestion(context);
            } else {
                call(context, () -> new Reply(200, WarmJson.overview(queue.overview(), Instant.now(), Overview.MOST), null));
            }
        }
    }

    /** Runs on the event loop. */
    private void answerItem(RoutingContext context) {
        HttpMethod method = context.request().method();
        String id = context.pathParam("id");
        if (!isAllowed(context, method == HttpMethod.DELETE || isRead(method), "GET, HEAD, DELETE")) {
            return;
        }
        if (!ID.matcher(id).matches()) {
            send(context, Reply.error(404, "The path of an item ends with its number, such as /warm/17."));
        } else if (method == HttpMethod.DELETE) {
            call(context, () -> Reply.of(queue.cancel(Long.parseLong(id)), id));
        } else {
            call(context, () -> Reply.of(queue.find(Long.parseLong(id)), id));
        }
    }

    private static boolean isRead(HttpMethod method) {
        return method == HttpMethod.GET || method == HttpMethod.HEAD;
    }

    /** Responds if the request is not allowed. */
    private boolean isAllowed(RoutingContext context, boolean method, String methods) {
        if (!method) {
            context.response().putHeader("Allow", methods);
            send(context, Reply.error(405, "The methods of this path are " + methods + "."));
        } else if ("cross-site".equalsIgnoreCase(context.request().getHeader("Sec-Fetch-Site"))) {
            send(context, Reply.error(403, "A page of another site cannot use the queue of copies."));
        } else if (queue == null) {
            send(context, Reply.error(404, "Nothing is copied: " + WarmSettings.TO + " is not set. It names the registry to which images are copied."));
        } else {
            return true;
        }
        return false;
    }

    private void readQuestion(RoutingContext context) {
        HttpServerRequest request = context.request();
        String type = request.getHeader("Content-Type");
        if (type == null || !type.split(";", 2)[0].strip().toLowerCase(Locale.ROOT).equals(JSON)) {
            send(context, Reply.error(415, "The body is JSON, with Content-Type: " + JSON + "."));
            return;
        }
        Buffer body = Buffer.buffer();
        request.handler(chunk -> {
            if (body.length() <= MOST_BYTES) {
                body.appendBuffer(chunk);
            } else if (request.bytesRead() > MOST_READ) {
                request.connection().close();
            }
        });
        request.endHandler(end -> {
            if (body.length() > MOST_BYTES) {
                send(context, Reply.error(400, "The body has more than " + MOST_BYTES + " bytes."));
            } else {
                call(context, () -> ask(CopyQuestion.read(body)));
            }
        });
    }

    private Reply ask(CopyQuestion question) throws RefusedException, StoreAwayException {
        Item item = queue.ask(question.image(), question.platforms());
        return new Reply(202, WarmJson.item(item), PATH + "/" + item.id());
    }

    /** Calls the queue on another thread, and sends the result. */
    private void call(RoutingContext context, Callable<Reply> call) {
        if (calls.incrementAndGet() > MOST_CALLS) {
            calls.decrementAndGet();
            context.response().putHeader("Retry-After", RETRY_AFTER);
            send(context, Reply.error(503, "Too many requests wait for the queue of copies; try again in some seconds."));
            return;
        }
        threads.executeBlocking(call, false).onComplete(result -> {
            calls.decrementAndGet();
            send(context, result.succeeded() ? result.result() : failed(context, result.cause()));
        });
    }

    private static Reply failed(RoutingContext context, Throwable failure) {
        FatalErrors.check(failure);
        if (failure instanceof RefusedException) {
            return Reply.error(400, failure.getMessage());
        } else if (failure instanceof StoreAwayException) {
            context.response().putHeader("Retry-After", RETRY_AFTER);
            return Reply.error(503, failure.getMessage());
        }
        LOG.error("{} {} failed", context.request().method(), context.request().path(), failure);
        return Reply.error(500, "The request failed; see the log.");
    }

    private static void send(RoutingContext context, Reply reply) {
        if (reply.location() != null) {
            context.response().putHeader("Location", reply.location());
        }
        ManagementResponse.send(context, reply.status(), JSON, reply.body().toBuffer());
    }
}
