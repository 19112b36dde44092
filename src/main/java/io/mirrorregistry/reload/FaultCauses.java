package io.mirrorregistry.reload;

import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.camel.NoSuchBeanException;
import org.apache.camel.ResolveEndpointFailedException;
import org.apache.camel.language.simple.types.SimpleIllegalSyntaxException;
import org.snakeyaml.engine.v2.exceptions.MarkedYamlEngineException;

/** Reads Camel's exceptions: what is wrong, and which words of the file it is about. */
final class FaultCauses {

    private static final Pattern QUOTED = Pattern.compile("\\[([^\\[\\]]+)]|\"([^\"]+)\"|'([^']+)'|\\{\\{([^{}]+)}}|: (\\S+)");

    /** How Java writes an object that does not say what it is, and Camel repeats as "of type". */
    private static final Pattern OBJECT = Pattern.compile("@[0-9a-f]+ of type: [\\w.$]+");

    private static final int LONGEST_MESSAGE = 2000;

    private FaultCauses() {
    }

    static Throwable root(Throwable failure) {
        Throwable root = failure;
        while (root.getCause() != null && root.getCause() != root) {
            root = root.getCause();
        }
        return root;
    }

    /** Returns what is wrong: the innermost message, since those around it repeat the route. */
    static String describe(Throwable failure) {
        Throwable root = root(failure);
        if (root instanceof ClassNotFoundException) {
            return "there is no class " + root.getMessage();
        }
        if (root instanceof StackOverflowError) {
            return "it is nested too deeply";
        }
        String message = root instanceof MarkedYamlEngineException marked && marked.getProblem() != null ? marked.getProblem() : root.getMessage();
        return message == null ? root.getClass().getSimpleName()
                : OBJECT.matcher(beginning(message).replaceFirst("\\s*location:\\s.*", "")).replaceAll("");
    }

    /** Messages repeat values of the file, which may be a megabyte long, and the patterns here would take hours for some of them. */
    private static String beginning(String message) {
        return message.substring(0, Math.min(message.length(), LONGEST_MESSAGE));
    }

    /** Returns where the YAML was found to be wrong. */
    static Optional<RouteText.Place> place(Throwable failure) {
        return root(failure) instanceof MarkedYamlEngineException marked ? marked.getProblemMark().map(RouteText.Place::of) : Optional.empty();
    }

    /** Returns words that a file has where it is wrong, the most telling first. */
    static Set<String> tokens(Throwable failure) {
        List<Throwable> causes = new ArrayList<>();
        for (Throwable cause = failure; cause != null && !causes.contains(cause); cause = cause.getCause()) {
            causes.add(0, cause);
        }
        Set<String> tokens = new LinkedHashSet<>();
        for (Throwable cause : causes) {
            if (cause instanceof NoSuchBeanException bean && bean.getName() != null) {
                tokens.add(bean.getName());
                tokens.add("#" + bean.getName());
            } else if (cause instanceof ClassNotFoundException) {
                tokens.add(cause.getMessage());
            } else if (cause instanceof SimpleIllegalSyntaxException syntax) {
                tokens.add(syntax.getExpression());
            }
            Matcher quoted = QUOTED.matcher(beginning(String.valueOf(cause.getMessage())));
            while (quoted.find()) {
                for (int group = 1; group <= quoted.groupCount(); group++) {
                    if (quoted.group(group) != null && quoted.group(group).length() > 1) {
                        tokens.add(quoted.group(group));
                        tokens.add(quoted.group(group).replaceFirst("://", ":").replaceFirst("[.,]$", ""));
                    }
                }
            }
            if (cause instanceof ResolveEndpointFailedException endpoint && endpoint.getUri() != null) {
                String uri = endpoint.getUri().replaceFirst("\\?.*", "");
                tokens.add(uri);
                tokens.add(uri.replaceFirst("://", ":"));
            }
        }
        return tokens;
    }
}
