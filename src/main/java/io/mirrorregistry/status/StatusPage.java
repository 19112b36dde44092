package io.mirrorregistry.status;

import io.mirrorregistry.access.Access;
import io.mirrorregistry.access.AccessSummary;
import io.mirrorregistry.config.Settings;
import io.mirrorregistry.health.Probe;
import io.mirrorregistry.health.RegistryProbes;
import io.mirrorregistry.health.RegistryProblem;
import io.mirrorregistry.metrics.Metrics;
import io.mirrorregistry.metrics.Outcome;
import io.mirrorregistry.metrics.RecentPulls;
import io.mirrorregistry.registry.AccountState;
import io.mirrorregistry.registry.Registry;
import io.mirrorregistry.registry.folder.ImageLayout;
import io.mirrorregistry.reload.RouteFault;
import io.mirrorregistry.reload.RouteWatcher;
import io.mirrorregistry.server.tls.ClientsTls;
import io.mirrorregistry.warm.WarmQueue;
import io.mirrorregistry.warm.WarmSnapshot;
import io.vertx.core.Future;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpMethod;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import io.vertx.ext.web.Router;
import io.vertx.ext.web.RoutingContext;
import java.io.IOException;
import java.io.InputStream;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/**
 * The page at {@code /} of the management port, one file. It loads {@code /status.json} beside it, and {@code /explain} when a person
 * presses the button; it sends requests nowhere else. What it shows of requests and registries is also in the log.
 */
public final class StatusPage {

    /** How long the page waits for the overview of copying, in milliseconds. */
    private static final long LONGEST_WARM = 1000;

    private final String version;
    private final Settings settings;
    private final List<Registry> registries;
    private final Map<String, ImageLayout> folders;
    private final RegistryProbes probes;
    private final Metrics metrics;
    private final RouteWatcher routes;
    private final ClientsTls tls;
    private final Access access;
    /** Null while nothing is copied. */
    private final WarmSnapshot warm;
    private final Instant start = Instant.now();
    private final Buffer page;

    /**
     * @param registries in the order in which people are to see them
     * @param folders the folders of images, by the names of the registries that they are
     * @param routes null where the routes are not those of a folder, or changes are not noticed
     * @param tls null for plain http
     * @param access null where everybody may pull
     * @param warm null while nothing is copied
     */
    public StatusPage(String version, Settings settings, List<Registry> registries, Map<String, ImageLayout> folders, RegistryProbes probes, Metrics metrics,
            RouteWatcher routes, ClientsTls tls, Access access, WarmQueue warm) {
        this.version = version;
        this.settings = settings;
        this.registries = List.copyOf(registries);
        this.folders = folders;
        this.probes = probes;
        this.metrics = metrics;
        this.routes = routes;
        this.tls = tls;
        this.access = access;
        this.warm = warm == null ? null : new WarmSnapshot(warm);
        try (InputStream in = StatusPage.class.getResourceAsStream("status.html")) {
            page = Buffer.buffer(in.readAllBytes());
        } catch (IOException e) {
            throw new IllegalStateException("the jar carries no status.html", e);
        }
    }

    /** Serves the page there. */
    public void serve(Router router) {
        router.route("/").method(HttpMethod.GET).method(HttpMethod.HEAD).handler(context -> ManagementResponse.send(context, 200, "text/html; charset=utf-8", page));
        router.route("/status.json").method(HttpMethod.GET).method(HttpMethod.HEAD).handler(this::answer);
    }

    /** Runs on the event loop, which does not wait for the database. */
    private void answer(RoutingContext context) {
        if (warm == null) {
            send(context, null);
            return;
        }
        Future.fromCompletionStage(warm.latest(), context.vertx().getOrCreateContext()).timeout(LONGEST_WARM, TimeUnit.MILLISECONDS)
                .otherwise(late -> warm.problem("The database has not responded within " + LONGEST_WARM + " ms."))
                .onSuccess(overview -> send(context, overview));
    }

    private void send(RoutingContext context, JsonObject overview) {
        ManagementResponse.send(context, 200, "application/json", state().put("warm", overview).toBuffer());
    }

    private JsonObject state() {
        Instant now = Instant.now();
        return new JsonObject()
                .put("version", version)
                .put("upSeconds", Duration.between(start, now).toSeconds())
                .put("port", settings.server().port())
                .put("tls", tls != null)
                .put("example", example())
                .put("certificate", tls == null ? null : tls.problem().orElse(null))
                .put("registries", new JsonArray(registries.stream().map(registry -> state(registry, now)).toList()))
                .put("pulls", pulls())
                .put("fallbacks", new JsonArray(metrics.recent().fallbacks().stream().map(StatusPage::state).toList()))
                .put("cache", new JsonArray(metrics.kept().stream().map(StatusPage::state).toList()))
                .put("routes", routes())
                .put("access", access == null ? null : state(access.summary(), now));
    }

    private JsonObject state(Registry registry, Instant now) {
        Probe probe = probes.last(registry.name());
        AccountState account = registry.accountState();
        String where = registry.settings().isFolder() ? "the folder " + registry.settings().folder() : registry.settings().url().getRawAuthority();
        return new JsonObject()
                .put("name", registry.name())
                .put("where", where)
                .put("serves", new JsonArray(registry.settings().serves()))
                .put("planned", settings.plan().contains(registry.name()))
                .put("up", probe == null ? null : probes.isUp(registry.name()))
                .put("problem", RegistryProblem.of(registry, probe))
                .put("slow", registry.slowness().problem())
                .put("account", account == AccountState.FINE ? null : account.label())
                .put("status", probe == null ? null : probe.status())
                .put("secondsAgo", probe == null ? null : Duration.between(probe.at(), now).toSeconds())
                .put("breaker", registry.breaker().getState().name().toLowerCase(Locale.ROOT).replace('_', '-'));
    }

    /** Returns the name of an image that clients can pull; null where no folder of images is known to have one. */
    private String example() {
        return registries.stream()
                .filter(registry -> settings.plan().contains(registry.name()) && registry.settings().isFolder() && registry.settings().prefix().isEmpty())
                .flatMap(registry -> folders.get(registry.name()).example().stream())
                .findFirst().orElse(null);
    }

    private JsonObject pulls() {
        RecentPulls.Snapshot recent = metrics.recent().snapshot();
        JsonObject outcomes = new JsonObject();
        for (Map.Entry<Outcome, List<Integer>> entry : recent.outcomes().entrySet()) {
            outcomes.put(entry.getKey().label(), new JsonArray(entry.getValue()));
        }
        JsonObject counts = new JsonObject();
        for (Map.Entry<String, List<Integer>> entry : recent.servers().entrySet()) {
            counts.put(entry.getKey(), new JsonArray(entry.getValue()));
        }
        return new JsonObject()
                .put("seconds", RecentPulls.SECONDS)
                .put("elapsed", recent.elapsedSeconds())
                .put("total", recent.total())
                .put("counts", counts)
                .put("outcomes", outcomes)
                .put("manifests", new JsonArray(recent.manifests()))
                .put("times", new JsonArray(recent.times().stream().map(StatusPage::state).toList()))
                .put("lastMinute", state(recent.lastMinute()));
    }

    private static JsonObject state(RecentPulls.Times times) {
        return new JsonObject().put("p50", times.p50()).put("p99", times.p99());
    }

    private static JsonObject state(RecentPulls.Fallbacks fallbacks) {
        return new JsonObject()
                .put("registry", fallbacks.registry())
                .put("reason", fallbacks.reason())
                .put("count", fallbacks.count())
                .put("path", fallbacks.path())
                .put("message", fallbacks.message())
                .put("secondsAgo", fallbacks.secondsAgo());
    }

    private static JsonObject state(Metrics.Kept kept) {
        return new JsonObject().put("name", kept.name()).put("entries", kept.entries()).put("bytes", kept.bytes());
    }

    private static JsonObject state(AccessSummary access, Instant now) {
        return new JsonObject()
                .put("file", access.file())
                .put("refused", access.refused())
                .put("away", access.away())
                .put("rules", new JsonArray(access.rules().stream().map(StatusPage::state).toList()))
                .put("users", new JsonArray(access.users()))
                .put("robots", new JsonArray(access.robots().stream().map(robot -> state(robot, now)).toList()))
                .put("issuers", new JsonArray(access.issuers().stream().map(StatusPage::state).toList()));
    }

    private static JsonObject state(AccessSummary.RuleLine rule) {
        return new JsonObject()
                .put("line", rule.line())
                .put("who", rule.who())
                .put("from", rule.from())
                .put("repositories", new JsonArray(rule.repositories()))
                .put("may", new JsonArray(rule.may()));
    }

    private static JsonObject state(AccessSummary.RobotAccount robot, Instant now) {
        return new JsonObject()
                .put("name", robot.name())
                .put("repositories", new JsonArray(robot.repositories()))
                .put("may", new JsonArray(robot.may()))
                .put("expires", robot.expires() == null ? null : robot.expires().toString())
                .put("expired", robot.expires() != null && !now.isBefore(robot.expires()));
    }

    private static JsonObject state(AccessSummary.TokenIssuer issuer) {
        return new JsonObject().put("issuer", issuer.issuer()).put("audience", issuer.audience()).put("user", issuer.user());
    }

    private JsonObject routes() {
        return new JsonObject()
                .put("files", new JsonArray(routes == null ? List.of() : List.copyOf(routes.serving())))
                .put("refused", new JsonArray(routes == null ? List.of() : routes.refused().stream().map(RouteFault::toString).toList()))
                .put("failing", new JsonArray(routes == null ? List.of() : routes.failing().stream().map(RouteFault::toString).toList()));
    }
}
