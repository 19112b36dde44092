package io.mirrorregistry.registry.auth;

import io.mirrorregistry.protocol.RepositoryName;
import java.util.List;

/**
 * What a token is to allow.
 *
 * @param text the scopes with blanks between, such as {@code repository:library/alpine:pull}; empty for none
 * @see <a href="https://distribution.github.io/distribution/spec/auth/scope/">Docker Registry Token Scope and Access</a>
 */
public record TokenScope(String text) {

    /** For a call that is about no repository. */
    public static final TokenScope NONE = new TokenScope("");

    private static final String REPOSITORY = "repository:";
    private static final String PUSH = ":pull,push";

    /** Returns what a pull needs; with null, {@link #NONE}. */
    public static TokenScope pull(RepositoryName repository) {
        return repository == null ? NONE : new TokenScope(REPOSITORY + repository + ":pull");
    }

    /**
     * Returns what a request of a push needs.
     *
     * @param from the repository from which a blob is mounted; null for none
     * @param delete whether something is deleted
     */
    public static TokenScope push(RepositoryName repository, RepositoryName from, boolean delete) {
        String push = REPOSITORY + repository + PUSH + (delete ? ",delete" : "");
        return new TokenScope(from == null || from.equals(repository) ? push : push + " " + pull(from).text);
    }

    /** Returns whether it is about no repository. */
    public boolean isNone() {
        return text.isEmpty();
    }

    /** Returns whether it allows to push. */
    boolean isPush() {
        return text.contains(PUSH);
    }

    /** Returns the scopes one by one, the most important one first. */
    List<String> parts() {
        return isNone() ? List.of() : List.of(text.split(" "));
    }

    @Override
    public String toString() {
        return isNone() ? "no scope" : text;
    }
}
