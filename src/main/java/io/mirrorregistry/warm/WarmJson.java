package io.mirrorregistry.warm;

import io.mirrorregistry.plan.Plan;
import io.mirrorregistry.protocol.Tag;
import io.mirrorregistry.warm.queue.CopyRequest;
import io.mirrorregistry.warm.queue.Item;
import io.mirrorregistry.warm.queue.State;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.List;

/** The JSON of copying, which the management port and the status page send. The command {@code warm} reads it. Times are ISO 8601 in UTC. */
public final class WarmJson {

    private WarmJson() {
    }

    /** Returns an item as JSON. Members without a value are null. */
    public static JsonObject item(Item item) {
        CopyRequest request = item.request();
        return new JsonObject()
                .put("id", item.id())
                .put("image", request.image())
                .put("destination", target(request.destination()))
                .put("reference", request.reference().value())
                .put("digest", item.digest() == null ? null : item.digest().value())
                .put("tags", new JsonArray(request.tags().stream().map(Tag::value).sorted().toList()))
                .put("sources", new JsonArray(request.sources().stream().map(WarmJson::target).toList()))
                .put("platforms", new JsonArray(request.platforms()))
                .put("origin", request.origin().label())
                .put("state", item.state().label())
                .put("attempts", item.attempts())
                .put("notBefore", time(item.notBefore()))
                .put("created", time(item.created()))
                .put("started", time(item.started()))
                .put("finished", time(item.finished()))
                .put("bytesDone", item.bytesDone())
                .put("bytesTotal", item.bytesTotal())
                .put("reason", item.reason())
                .put("message", item.message());
    }

    /**
     * Returns an overview as JSON. While the database cannot be used, {@code counts} and {@code oldestSeconds} are null and the lists of items are empty.
     *
     * @param time when the overview was made, for readers whose clock differs
     * @param most maximum items of each list of waiting, finished and failed items
     */
    static JsonObject overview(Overview overview, Instant time, int most) {
        boolean known = overview.problem() == null;
        JsonObject counts = new JsonObject();
        if (known) {
            for (State state : State.values()) {
                counts.put(state.label(), overview.counts().getOrDefault(state, 0L));
            }
        }
        return new JsonObject()
                .put("time", time(time))
                .put("counts", known ? counts : null)
                .put("oldestSeconds", known && overview.oldest() != null ? Math.max(0, Duration.between(overview.oldest(), time).toSeconds()) : null)
                .put("running", items(known ? overview.running() : List.of(), Overview.MOST))
                .put("waiting", items(known ? overview.waiting() : List.of(), most))
                .put("finished", items(known ? overview.finished() : List.of(), most))
                .put("failed", items(known ? overview.failed() : List.of(), most))
                .put("pauses", new JsonArray(overview.pauses().stream().map(WarmJson::pause).toList()))
                .put("dropped", overview.dropped())
                .put("problem", overview.problem());
    }

    private static JsonArray items(List<Item> items, int most) {
        return new JsonArray(items.stream().limit(most).map(WarmJson::item).toList());
    }

    private static JsonObject pause(Overview.Pause pause) {
        return new JsonObject().put("registry", pause.registry()).put("until", time(pause.until())).put("why", pause.why());
    }

    private static JsonObject target(Plan.Target target) {
        return new JsonObject().put("registry", target.registry()).put("repository", target.name() == null ? null : target.name().value());
    }

    private static String time(Instant time) {
        return time == null ? null : time.truncatedTo(ChronoUnit.MILLIS).toString();
    }
}
