package io.mirrorregistry.explain;

import io.mirrorregistry.plan.Namespaces;
import io.mirrorregistry.status.ManagementResponse;
import io.mirrorregistry.work.FatalErrors;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpMethod;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.core.json.JsonObject;
import io.vertx.ext.web.Router;
import io.vertx.ext.web.RoutingContext;
import io.vertx.ext.web.handler.HttpException;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeoutException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * {@code /explain} on the management port: responds with JSON, or with a table where text is asked for. The response is 200 whatever the
 * client of the clients' port would get; 400, 403, 405 and 503 have a sentence instead. An explanation calls registries, so that a page of
 * another site must not make the browser of an operator ask for one: 403.
 */
public final class ExplainPage implements AutoCloseable {

    private static final Logger LOG = LoggerFactory.getLogger(ExplainPage.class);
    private static final Set<String> PARAMETERS = Set.of("image", "namespace", "client", "format");
    private static final String JSON = "application/json";
    private static final String TEXT = "text/plain";
    /**
     * Says which site's page made the browser send the request. Browsers send it over https and to localhost.
     *
     * @see <a href="https://www.w3.org/TR/fetch-metadata/#sec-fetch-site-header">Fetch Metadata Request Headers</a>
     */
    private static final String SITE = "Sec-Fetch-Site";

    private final Explainer explainer;
    private final Namespaces namespaces;

    public ExplainPage(Explainer explainer, Namespaces namespaces) {
        this.explainer = explainer;
        this.namespaces = namespaces;
    }

    @Override
    public void close() {
        explainer.close();
    }

    /** Serves the page there. */
    public void serve(Router router) {
        router.route("/explain").handler(this::answer);
    }

    /** Runs on the event loop. */
    private void answer(RoutingContext context) {
        HttpServerRequest request = context.request();
        String accept = request.getHeader("Accept");
        boolean text = accept != null && accept.toLowerCase(Locale.ROOT).contains(TEXT);
        if (request.method() != HttpMethod.GET && request.method() != HttpMethod.HEAD) {
            context.response().putHeader("Allow", "GET, HEAD");
            refuse(context, 405, text, "An explanation is asked for with GET or HEAD.");
            return;
        }
        if ("cross-site".equalsIgnoreCase(request.getHeader(SITE))) {
            refuse(context, 403, text, "A page of another site cannot ask for an explanation: use the field on the status page.");
            return;
        }
        try {
            requireReadable(context);
            for (Map.Entry<String, String> parameter : request.params()) {
                requireKnown(parameter.getKey(), request);
            }
            text = isText(request.getParam("format"), text);
            Question question = Question.read(request.getParam("image"), request.getParam("namespace"), request.getParam("client"),
                    request.authority() == null ? null : request.authority().host().toLowerCase(Locale.ROOT), namespaces);
            boolean table = text;
            explainer.explain(question)
                    .onSuccess(found -> ManagementResponse.send(context, 200, type(table), table ? Buffer.buffer(ExplanationTable.of(found)) : found.toBuffer()))
                    .onFailure(failure -> fail(context, table, question, failure));
        } catch (Question.InvalidException e) {
            refuse(context, 400, text, e.getMessage());
        }
    }

    private static void requireReadable(RoutingContext context) throws Question.InvalidException {
        try {
            context.queryParams();
        } catch (HttpException e) {
            throw new Question.InvalidException("The query cannot be read: a % is followed by two hexadecimal digits.");
        }
    }

    private static void requireKnown(String name, HttpServerRequest request) throws Question.InvalidException {
        if (!PARAMETERS.contains(name)) {
            throw new Question.InvalidException("The parameter " + (name.length() > 50 ? name.substring(0, 50) + "…" : name)
                    + " is unknown: there are image, namespace, client and format.");
        }
        List<String> values = request.params().getAll(name);
        if (values.size() > 1) {
            throw new Question.InvalidException("The parameter " + name + " is given more than once.");
        }
    }

    private static boolean isText(String format, boolean otherwise) throws Question.InvalidException {
        if (format == null) {
            return otherwise;
        }
        if (!format.equals("text") && !format.equals("json")) {
            throw new Question.InvalidException("The parameter format is text or json.");
        }
        return format.equals("text");
    }

    private static void fail(RoutingContext context, boolean text, Question question, Throwable failure) {
        FatalErrors.check(failure);
        if (failure instanceof Explainer.BusyException) {
            context.response().putHeader("Retry-After", "5");
            refuse(context, 503, text, failure.getMessage());
        } else if (failure instanceof TimeoutException) {
            refuse(context, 503, text, "The route plan has not ended within 25 s.");
        } else {
            LOG.error("The explanation of {} failed", question.path(), failure);
            refuse(context, 500, text, "The explanation failed; the log tells how.");
        }
    }

    private static void refuse(RoutingContext context, int status, boolean text, String sentence) {
        ManagementResponse.send(context, status, type(text), text ? Buffer.buffer(sentence.replaceAll("\\p{Cntrl}", "?") + "\n")
                : new JsonObject().put("error", sentence).toBuffer());
    }

    private static String type(boolean text) {
        return text ? TEXT + "; charset=utf-8" : JSON;
    }
}
