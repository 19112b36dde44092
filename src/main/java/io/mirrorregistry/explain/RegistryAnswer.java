package io.mirrorregistry.explain;

import io.mirrorregistry.plan.Plan;
import io.mirrorregistry.registry.NotHereException;
import io.mirrorregistry.registry.RegistryTroubleException;
import io.vertx.core.json.JsonObject;
import java.util.regex.Pattern;

/**
 * What a registry of the plan responds to the HEAD of a manifest.
 *
 * @param target the registry and the name there
 * @param breaker the state of its circuit breaker, such as {@code half-open}; null for a folder, which has none
 * @param slow whether the registry is slow now, so that clients' requests ask it last
 * @param status the status that it responded with; 0 for none
 * @param digest the manifest's digest; null for none
 * @param milliseconds the time that it took
 * @param failure a {@link NotHereException} or {@link RegistryTroubleException}; null if a client can have the manifest
 */
record RegistryAnswer(Plan.Target target, String breaker, boolean slow, int status, String digest, long milliseconds, Exception failure) {

    /** The beginning of a failure's message, which repeats the call. */
    private static final Pattern CALL = Pattern.compile("^(GET|HEAD) /[^ ]* ");

    /** Returns whether a client's request is sent to the registry, rather than kept from it. */
    boolean isAsked() {
        return target.name() != null && !"open".equals(breaker);
    }

    /** Returns the failure of a client's request; null if the registry serves it. */
    Exception failureOfClient() {
        return isAsked() || target.name() == null ? failure
                : new RegistryTroubleException(target.registry(), "its circuit breaker is open", RegistryTroubleException.Kind.NOT_ASKED, null);
    }

    /** Returns the registry's part in a client's response: "hot is in trouble (timed out after 8 s)". */
    String part() {
        Exception failed = failureOfClient();
        if (failed == null) {
            return target.registry() + " has it";
        }
        if (failed instanceof RegistryTroubleException trouble) {
            return target.registry() + switch (trouble.kind()) {
                case THROTTLED -> " asks for fewer requests";
                case NOT_ASKED -> " is not asked (" + trouble.getMessage() + ")";
                default -> " is in trouble (" + words(failed) + ")";
            };
        }
        return target.registry() + (target.name() == null ? " can have no repository of that name" : " has not got it");
    }

    private static String words(Exception failure) {
        return CALL.matcher(String.valueOf(failure.getMessage())).replaceFirst("");
    }

    JsonObject toJson() {
        String notAsked = target.name() == null ? "no repository there can have that name" : isAsked() ? null : "its circuit breaker is open";
        return new JsonObject()
                .put("name", target.registry())
                .put("repository", target.name() == null ? null : target.name().value())
                .put("asked", isAsked())
                .put("notAskedBecause", notAsked)
                .put("breaker", breaker)
                .put("slow", slow)
                .put("status", status == 0 ? null : status)
                .put("digest", digest)
                .put("milliseconds", target.name() == null ? null : milliseconds)
                .put("outcome", failure == null ? "has-it" : failure instanceof RegistryTroubleException trouble ? trouble.kind().label() : "not-here")
                .put("failure", failure == null ? null : words(failure));
    }
}
