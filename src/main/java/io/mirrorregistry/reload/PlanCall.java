package io.mirrorregistry.reload;

import io.mirrorregistry.protocol.RepositoryName;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Checks a method of the step {@code plan} that has an argument, such as {@code ask('hot, cold')}: a request would find out otherwise. */
final class PlanCall {

    /** The methods that have an argument, each with an example of it. */
    private static final Map<String, String> EXAMPLES = Map.of("ask", "hot, cold", "named", "library/app", "withoutPrefix", "team/");
    private static final Pattern METHOD = Pattern.compile("\\s*(\\w+)\\s*(?:\\((.*)\\))?\\s*", Pattern.DOTALL);
    private static final Pattern QUOTED = Pattern.compile("\\s*(?:'([^']*)'|\"([^\"]*)\")\\s*", Pattern.DOTALL);
    /** The beginning of an expression, whose value depends on the request. */
    private static final Pattern EXPRESSION = Pattern.compile("\\$(simple)?\\{");

    private final UnaryOperator<String> unknown;

    /** @param unknown returns why a registry of that name cannot be asked; null for one that can */
    PlanCall(UnaryOperator<String> unknown) {
        this.unknown = unknown;
    }

    /**
     * Returns what is wrong, a sentence each.
     *
     * @param text the method with its arguments, and without placeholders
     */
    List<String> faults(String text) {
        Matcher method = METHOD.matcher(text);
        if (!method.matches() || !EXAMPLES.containsKey(method.group(1))) {
            return List.of();
        }
        String name = method.group(1);
        String argument = method.group(2) == null ? "" : method.group(2).strip();
        if (isExpression(argument)) {
            return List.of();
        }
        Matcher quoted = QUOTED.matcher(argument);
        if (!quoted.matches()) {
            return List.of(name + " of the step plan needs one argument in quotes, such as " + name + "('" + EXAMPLES.get(name) + "')");
        }
        String constant = quoted.group(1) != null ? quoted.group(1) : quoted.group(2);
        if (EXPRESSION.matcher(constant).find()) {
            return List.of();
        }
        return switch (name) {
            case "ask" -> registries(constant);
            case "named" -> RepositoryName.isValid(constant) ? List.of() : List.of("no repository can have the name " + shown(constant) + " that plan sets");
            default -> constant.endsWith("/") && RepositoryName.isValid(constant + "a") ? List.of()
                    : List.of(shown(constant) + " is no prefix that plan can take away: it is the beginning of a repository's name, "
                            + "in lower case and with / at its end, such as " + EXAMPLES.get(name));
        };
    }

    /** Splits the list as the step does. */
    private List<String> registries(String list) {
        List<String> faults = new ArrayList<>();
        boolean empty = true;
        for (String part : list.split(",")) {
            String registry = part.strip();
            if (!registry.isEmpty()) {
                empty = false;
                String why = unknown.apply(registry);
                if (why != null) {
                    faults.add("plan asks the registry " + registry + why);
                }
            }
        }
        return empty ? List.of("plan asks no registry: the list of ask is empty") : faults;
    }

    /** Returns whether the argument is one expression without quotes: its first brace is closed by its last character. */
    private static boolean isExpression(String argument) {
        if (!EXPRESSION.matcher(argument).lookingAt()) {
            return false;
        }
        int open = 0;
        for (int i = argument.indexOf('{'); i < argument.length(); i++) {
            if (argument.charAt(i) == '{') {
                open++;
            } else if (argument.charAt(i) == '}') {
                open--;
            }
            if (open == 0) {
                return i == argument.length() - 1;
            }
        }
        return false;
    }

    private static String shown(String value) {
        return value.isEmpty() ? "(empty)" : value;
    }
}
