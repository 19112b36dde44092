package io.mirrorregistry.access;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;

/**
 * The file of users: a line {@code name:hash} for each, as {@code htpasswd -B} writes it. Blank lines, and lines whose first character is {@code #}, are
 * skipped; a byte order mark at the beginning is skipped as well.
 *
 * @see <a href="https://httpd.apache.org/docs/2.4/misc/password_encryptions.html">The formats of Apache's passwords</a>
 */
final class Htpasswd {

    static final int LEAST_COST = 4;
    /** A check at this cost takes nearly two seconds. */
    static final int MOST_COST = 15;
    /** The characters of a bcrypt hash after its cost: 22 of salt, 31 of hash. */
    static final int HASH_CHARACTERS = 53;

    private static final Pattern BCRYPT = Pattern.compile("\\$2[aby]\\$([0-9]{2})\\$[./A-Za-z0-9]{" + HASH_CHARACTERS + "}");
    private static final Pattern BCRYPT_BEGINNING = Pattern.compile("\\$2[aby]\\$.*", Pattern.DOTALL);
    private static final Pattern CRYPT = Pattern.compile("[./A-Za-z0-9]{13}");
    private static final Map<String, String> KINDS = kinds();
    private static final String ONLY_BCRYPT = "; only bcrypt is accepted, as htpasswd -B and mirror-registry user add write it";

    private Htpasswd() {
    }

    /**
     * What a file holds.
     *
     * @param users the hashes by the users' names, in the file's order, without the lines that have faults
     * @param faults all faults, in the file's order
     */
    record Result(Map<String, String> users, List<Fault> faults) {
    }

    /**
     * A fault of a line.
     *
     * @param line the line's number, from 1
     * @param sentence the fault, without any text of the line
     */
    record Fault(int line, String sentence) {
    }

    private static Map<String, String> kinds() {
        Map<String, String> kinds = new LinkedHashMap<>();
        kinds.put("$apr1$", "MD5 of Apache");
        kinds.put("$1$", "MD5");
        kinds.put("{SHA}", "SHA-1");
        kinds.put("{SSHA}", "SHA-1");
        kinds.put("$5$", "SHA-256 of crypt");
        kinds.put("$6$", "SHA-512 of crypt");
        kinds.put("$argon2", "Argon2");
        kinds.put("$y$", "yescrypt");
        kinds.put("$2$", "an old variant of bcrypt");
        kinds.put("$2x$", "an old variant of bcrypt");
        return kinds;
    }

    static Result read(String text) {
        Map<String, String> users = new LinkedHashMap<>();
        Map<String, Integer> lines = new HashMap<>();
        List<Fault> faults = new ArrayList<>();
        int number = 0;
        for (String raw : rawLines(text)) {
            number++;
            String line = content(raw);
            if (isSkipped(line)) {
                continue;
            }
            String fault = fault(line);
            Integer before = fault == null ? lines.putIfAbsent(name(line), number) : null;
            if (fault == null) {
                fault = before == null ? hashFault(hash(line)) : "the user has a line already, line " + before;
            }
            if (fault == null) {
                users.put(name(line), hash(line));
            } else {
                faults.add(new Fault(number, fault));
            }
        }
        return new Result(users, faults);
    }

    /** Returns the lines with their ends. */
    private static List<String> rawLines(String text) {
        List<String> lines = new ArrayList<>();
        for (int begin = 0; begin < text.length();) {
            int end = text.indexOf('\n', begin) + 1;
            end = end == 0 ? text.length() : end;
            lines.add(text.substring(begin, end));
            begin = end;
        }
        return lines;
    }

    private static String content(String raw) {
        int begin = raw.startsWith("\uFEFF") ? 1 : 0;
        int end = raw.endsWith("\r\n") ? raw.length() - 2 : raw.endsWith("\n") ? raw.length() - 1 : raw.length();
        return raw.substring(begin, Math.max(begin, end));
    }

    private static boolean isSkipped(String line) {
        return line.isBlank() || line.startsWith("#");
    }

    private static String name(String line) {
        return line.substring(0, Math.max(0, line.indexOf(':')));
    }

    private static String hash(String line) {
        return line.substring(line.indexOf(':') + 1).stripTrailing();
    }

    private static String fault(String line) {
        if (line.indexOf(':') < 0) {
            return "the line is not name:hash";
        }
        String fault = UserName.fault(name(line));
        return fault == null ? null : "the name " + fault;
    }

    /** Returns what is wrong with a hash, in a sentence without the hash; null for nothing. */
    private static String hashFault(String hash) {
        if (BCRYPT.matcher(hash).matches()) {
            return cost(hash) >= LEAST_COST && cost(hash) <= MOST_COST ? null
                    : "the cost of the hash is " + cost(hash) + "; it has to be from " + LEAST_COST + " to " + MOST_COST;
        }
        if (hash.isEmpty()) {
            return "the hash is missing";
        }
        if (BCRYPT_BEGINNING.matcher(hash).matches()) {
            return "the bcrypt hash is damaged: two digits of cost, a $ and " + HASH_CHARACTERS + " characters have to follow its first $2y$";
        }
        for (Map.Entry<String, String> kind : KINDS.entrySet()) {
            if (hash.startsWith(kind.getKey())) {
                return "the hash looks like " + kind.getValue() + ONLY_BCRYPT;
            }
        }
        return (CRYPT.matcher(hash).matches() ? "the hash looks like crypt" : "the hash looks like plain text") + ONLY_BCRYPT;
    }

    /** Returns the cost of a hash that {@link #read} accepted. */
    static int cost(String hash) {
        return Integer.parseInt(hash.substring(4, 6));
    }

    /** Returns the text with a user's line replaced, or added at the end. All other lines stay as they are. */
    static String with(String text, String name, String hash) {
        StringBuilder changed = new StringBuilder();
        boolean replaced = false;
        for (String raw : rawLines(text)) {
            if (isOf(name, raw)) {
                String line = content(raw);
                changed.append(raw, 0, raw.indexOf(line)).append(name).append(':').append(hash).append(raw, raw.indexOf(line) + line.length(), raw.length());
                replaced = true;
            } else {
                changed.append(raw);
            }
        }
        if (!replaced) {
            String end = text.contains("\r\n") ? "\r\n" : "\n";
            changed.append(text.isEmpty() || text.endsWith("\n") || text.equals("\uFEFF") ? "" : end).append(name).append(':').append(hash).append(end);
        }
        return changed.toString();
    }

    /** Returns the text without a user's line. All other lines stay as they are. */
    static String without(String text, String name) {
        StringBuilder changed = new StringBuilder();
        rawLines(text).stream().filter(raw -> !isOf(name, raw)).forEach(changed::append);
        return changed.toString();
    }

    private static boolean isOf(String name, String raw) {
        String line = content(raw);
        return !isSkipped(line) && line.indexOf(':') >= 0 && name(line).equals(name);
    }
}
