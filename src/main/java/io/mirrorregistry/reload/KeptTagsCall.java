package io.mirrorregistry.reload;

import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;

/** Checks the method {@code keepTags} of the step {@code push}, whose argument is a regular expression: a push would find out otherwise. */
final class KeptTagsCall {

    private static final String EXAMPLE = "keepTags('v?[0-9]+([.][0-9]+)*')";
    private static final Pattern METHOD = Pattern.compile("\\s*keepTags\\s*(?:\\((.*)\\))?\\s*", Pattern.DOTALL);
    private static final Pattern QUOTED = Pattern.compile("\\s*(?:'([^']*)'|\"([^\"]*)\")\\s*", Pattern.DOTALL);
    /** The beginning of an expression, whose value depends on the request. */
    private static final Pattern EXPRESSION = Pattern.compile("\\$(simple)?\\{");
    /** What Camel reads as its own in a constant argument. */
    private static final Pattern CHANGED = Pattern.compile("\\s|~>|\\\\[nrt}]");

    private KeptTagsCall() {
    }

    /**
     * Returns what is wrong; null for nothing, and for another method.
     *
     * @param text the method with its argument, and without placeholders
     */
    static String fault(String text) {
        Matcher method = METHOD.matcher(text);
        if (!method.matches()) {
            return text.strip().startsWith("keepTags") ? needsOne() : null;
        }
        Matcher quoted = QUOTED.matcher(method.group(1) == null ? "" : method.group(1));
        if (!quoted.matches()) {
            return needsOne();
        }
        String pattern = quoted.group(1) != null ? quoted.group(1) : quoted.group(2);
        if (pattern.isEmpty()) {
            return needsOne();
        }
        if (EXPRESSION.matcher(pattern).find()) {
            return null;
        }
        if (CHANGED.matcher(pattern).find()) {
            return "keepTags of the step push: " + pattern + " does not arrive as it stands; leave out white space, ~> and \\n, \\r, \\t, \\}, which no tag has";
        }
        try {
            Pattern.compile(pattern);
            return null;
        } catch (PatternSyntaxException e) {
            return "keepTags of the step push has no regular expression: " + e.getMessage();
        }
    }

    private static String needsOne() {
        return "keepTags of the step push needs one regular expression in quotes, and no such quotes in it, such as " + EXAMPLE;
    }
}
