package io.mirrorregistry.explain;

import io.mirrorregistry.cache.Remembered;
import io.mirrorregistry.explain.Planner.Planned;
import io.mirrorregistry.protocol.ErrorCode;
import io.mirrorregistry.registry.RegistryTroubleException;
import io.vertx.core.json.JsonObject;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/**
 * What a client gets, by the rules of the routes {@code manifest}, {@code ask} and {@code errors}.
 *
 * @param status the HTTP status
 * @param from the registry that serves, or {@code memory}; null for neither
 * @param why the reason, beginning with the status: "503: hot is in trouble (timed out after 8 s) and cold has not got it"
 * @param next what a client gets once memory has forgotten; null if this is not from memory
 */
record Verdict(int status, String from, String why, Verdict next) {

    private static final int OK = 200;
    private static final String MEMORY = "memory";

    /** @param answers those of all registries of the plan, in its order; empty if there is no plan */
    static Verdict of(Planned planned, List<RegistryAnswer> answers) {
        if (planned.plan() == null) {
            return new Verdict(planned.status(), null, planned.status() + ": " + (planned.failure() == null
                    ? "the route plan responds by itself, and no registry is asked" : "the plan failed: " + planned.failure()), null);
        }
        Verdict live = live(answers);
        Remembered memory = planned.memory();
        return switch (memory.state()) {
            case FRESH -> new Verdict(OK, MEMORY, "200 from memory, as " + memory.registry() + " told it"
                    + (memory.left() == null ? "" : " " + seconds(memory.age()) + " ago; after " + seconds(memory.left()) + " " + live.why), live);
            case MISS -> new Verdict(ErrorCode.MANIFEST_UNKNOWN.status(), MEMORY, "404 from memory: " + seconds(memory.age())
                    + " ago no registry had it; after " + seconds(memory.left()) + " " + live.why, live);
            case STALE -> live.status != OK && hasTrouble(answers) ? new Verdict(OK, MEMORY, "200 from memory, as the tag was "
                    + seconds(memory.age()) + " ago, instead of " + live.why, live) : live;
            case NOTHING -> live;
        };
    }

    private static Verdict live(List<RegistryAnswer> answers) {
        List<String> parts = new ArrayList<>();
        List<RegistryAnswer> slowLast = answers.stream().sorted(Comparator.comparing(RegistryAnswer::slow)).toList();
        for (RegistryAnswer answer : slowLast) {
            if (answer.failureOfClient() == null) {
                answers.stream().takeWhile(before -> before != answer).filter(before -> before.slow() && !answer.slow())
                        .forEach(before -> parts.add(before.target().registry() + " is slow and asked last"));
                String since = parts.isEmpty() ? "" : ", since " + joined(parts);
                return new Verdict(OK, answer.target().registry(), "200 from " + answer.target().registry() + since, null);
            }
            parts.add(answer.part());
        }
        ErrorCode code = ErrorCode.MANIFEST_UNKNOWN;
        if (hasTrouble(answers)) {
            code = answers.stream().allMatch(answer -> !(answer.failureOfClient() instanceof RegistryTroubleException trouble) || trouble.throttled())
                    ? ErrorCode.TOOMANYREQUESTS : ErrorCode.UNAVAILABLE;
        }
        return new Verdict(code.status(), null, code.status() + ": " + (parts.isEmpty() ? "the plan names no registry" : joined(parts)), null);
    }

    private static boolean hasTrouble(List<RegistryAnswer> answers) {
        return answers.stream().anyMatch(answer -> answer.failureOfClient() instanceof RegistryTroubleException);
    }

    private static String joined(List<String> parts) {
        int last = parts.size() - 1;
        return last == 0 ? parts.get(0) : String.join(", ", parts.subList(0, last)) + " and " + parts.get(last);
    }

    /** Returns a time in whole seconds, rounded up: "7 s". */
    static String seconds(Duration time) {
        return time.plusMillis(999).toSeconds() + " s";
    }

    /** Returns whether a client gets the manifest, now or once memory has forgotten that nobody had it. */
    private boolean isServed() {
        return status == OK || next != null && next.isServed();
    }

    JsonObject toJson() {
        return new JsonObject().put("status", status).put("from", from).put("why", why).put("served", isServed()).put("next", next == null ? null : next.toJson());
    }
}
