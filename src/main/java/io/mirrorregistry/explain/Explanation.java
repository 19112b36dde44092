package io.mirrorregistry.explain;

import io.mirrorregistry.cache.Remembered;
import io.mirrorregistry.explain.Planner.Planned;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * Why a client gets what it gets.
 *
 * @param answers those of all registries of the plan, in its order
 */
record Explanation(Question question, Planned planned, List<RegistryAnswer> answers) {

    JsonObject toJson() {
        return new JsonObject()
                .put("request", new JsonObject()
                        .put("path", question.path() + (question.namespace() == null ? "" : "?ns=" + question.namespace()))
                        .put("namespace", planned.namespace())
                        .put("repository", planned.repository())
                        .put("reference", question.path().reference().value())
                        .put("client", question.client())
                        .put("notes", new JsonArray(notes())))
                .put("plan", new JsonObject()
                        .put("registries", new JsonArray(answers.stream().map(answer -> answer.target().registry()).toList()))
                        .put("failure", planned.failure()))
                .put("registries", new JsonArray(answers.stream().map(RegistryAnswer::toJson).toList()))
                .put("memory", memory(planned.memory()))
                .put("client", Verdict.of(planned, answers).toJson());
    }

    private List<String> notes() {
        List<String> all = new ArrayList<>(question.notes());
        planned.ownRoutes().forEach(registry -> all.add("Clients reach " + registry + " by a route of a file, direct:registry-" + registry
                + ", which an explanation does not run: it asks the registry itself."));
        return all;
    }

    private static JsonObject memory(Remembered memory) {
        return new JsonObject()
                .put("state", memory.state().name().toLowerCase(Locale.ROOT))
                .put("ageSeconds", seconds(memory.age()))
                .put("leftSeconds", seconds(memory.left()))
                .put("digest", memory.digest())
                .put("registry", memory.registry())
                .put("accept", memory.accept());
    }

    private static Double seconds(Duration time) {
        return time == null ? null : time.toMillis() / 1000.0;
    }
}
