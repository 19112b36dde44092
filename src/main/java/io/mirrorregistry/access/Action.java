package io.mirrorregistry.access;

import java.util.Locale;

/**
 * What a rule allows in a repository.
 *
 * @see <a href="https://distribution.github.io/distribution/spec/auth/scope/">The actions of a scope</a>
 */
public enum Action {
    PULL, PUSH, DELETE;

    /** Returns the word for it in a scope, and in {@code access.yaml}. */
    public String word() {
        return name().toLowerCase(Locale.ROOT);
    }

    /** Returns the action that a word stands for; null for none. */
    public static Action of(String word) {
        for (Action action : values()) {
            if (action.word().equals(word)) {
                return action;
            }
        }
        return null;
    }
}
