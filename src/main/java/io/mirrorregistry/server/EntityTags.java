package io.mirrorregistry.server;

import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Reads If-None-Match.
 *
 * @see <a href="https://www.rfc-editor.org/rfc/rfc9110#section-13.1.2">RFC 9110, If-None-Match</a>
 */
final class EntityTags {

    /** A tag with what separates it from the next one; empty elements of a list are to be ignored. */
    private static final Pattern TAG = Pattern.compile("[ \\t,]*+(?:W/)?(\"[!#-~]*+\")[ \\t]*+(?:,[ \\t,]*+|$)");

    private EntityTags() {
    }

    /**
     * Returns whether one of the tags is this one, weak or not, or the lines are an asterisk. False for anything outside the grammar.
     *
     * @param lines the values of all header lines
     * @param etag a tag in quotes
     */
    static boolean match(List<String> lines, String etag) {
        String all = String.join(",", lines).strip();
        if (all.equals("*")) {
            return true;
        }
        boolean found = false;
        Matcher tag = TAG.matcher(all);
        int end = 0;
        while (end < all.length() && tag.find(end) && tag.start() == end) {
            found |= tag.group(1).equals(etag);
            end = tag.end();
        }
        return found && end == all.length();
    }
}
