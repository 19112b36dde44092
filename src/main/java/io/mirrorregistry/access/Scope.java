package io.mirrorregistry.access;

import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;

/**
 * What a client wants a token for.
 *
 * @param name the repository's name
 * @param actions what it wants to do there; unknown ones are left out
 * @see <a href="https://distribution.github.io/distribution/spec/auth/scope/">Docker Registry Token Scope and Access</a>
 */
public record Scope(String name, Set<Action> actions) {

    private static final String REPOSITORY = "repository";
    /** No repository has a longer name, a host name before it included. */
    private static final int LONGEST_NAME = 512;
    /** Means all actions. */
    private static final String ALL = "*";

    /**
     * Reads scopes such as {@code repository:team/app:pull,push}. What is not about a repository, or about one whose name no repository has, is left out.
     *
     * @param parameters the values of the parameter {@code scope}; each may have several scopes with blanks between
     */
    public static List<Scope> parse(List<String> parameters) {
        List<Scope> scopes = new ArrayList<>();
        for (String parameter : parameters) {
            for (String text : parameter.split(" ")) {
                int first = text.indexOf(':');
                int last = text.lastIndexOf(':');
                if (first > 0 && last > first + 1 && last - first <= LONGEST_NAME && text.substring(0, first).equals(REPOSITORY)) {
                    scopes.add(new Scope(text.substring(first + 1, last), actions(text.substring(last + 1))));
                }
            }
        }
        return scopes;
    }

    private static Set<Action> actions(String words) {
        Set<Action> actions = EnumSet.noneOf(Action.class);
        for (String word : words.split(",")) {
            Action action = Action.of(word);
            if (action != null) {
                actions.add(action);
            } else if (word.equals(ALL)) {
                actions.addAll(EnumSet.allOf(Action.class));
            }
        }
        return actions;
    }
}
