package soak;

import java.util.Map;

/**
 * A request, and what is known of its answer.
 *
 * @param kind what is asked for
 * @param repository of what; null for the mirror's own
 * @param accepted the right answers, by the registry that holds them; empty where there is none
 * @param part the range asked for, first byte and byte after the last; null for all
 * @param sent what is pushed with the request; null for nothing
 */
record Ask(Kind kind, String method, String target, String repository, Map<Registry, Item> accepted, long[] part, Item sent) {

    Ask(Kind kind, String method, String target, String repository, Map<Registry, Item> accepted, long[] part) {
        this(kind, method, target, repository, accepted, part, null);
    }

    boolean head() {
        return method.equals("HEAD");
    }

    @Override
    public String toString() {
        String shown = kind == Kind.PUSH ? target.replaceFirst("(/uploads/.{20}).+", "$1…") : target;
        return method + " " + shown + (part == null ? "" : " bytes " + part[0] + " to " + (part[1] - 1));
    }
}
