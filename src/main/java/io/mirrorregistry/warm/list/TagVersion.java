package io.mirrorregistry.warm.list;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A tag in the order of versions: the newer one is greater.
 *
 * <p>The version is the first number of a tag with the numbers that periods join to it, wherever it begins, so that {@code v1.10} and
 * {@code stable-1.10} are newer than {@code 1.9}, which is newer than {@code 1.9-alpine} and that than {@code 1.9-rc1}, and dates are versions, too. A
 * tag without a number, such as {@code latest}, or with the hash of a commit only, is older than all others, and of equal tags the first by name counts as the
 * newest.
 *
 * @see <a href="https://semver.org/#spec-item-11">Semantic Versioning, precedence</a>
 */
final class TagVersion implements Comparable<TagVersion> {

    /** A word that is probably the hash of a commit: its digits are there by chance. */
    private static final Pattern HASH = Pattern.compile("(?=[0-9]*[a-f])[0-9a-f]{7,64}");
    private static final Pattern WORD = Pattern.compile("[A-Za-z0-9]+");
    private static final Pattern VERSION = Pattern.compile("[0-9]+(\\.[0-9]+)*");
    private static final Pattern RUN = Pattern.compile("[0-9]+|[^0-9]+");
    private static final Pattern PRE_RELEASE = Pattern.compile(
            "(?<![a-z])((alpha|beta|rc|cr|pre|preview|dev|snapshot|nightly|canary|milestone|ea)(?![a-z])|[abm](?=[0-9]))");

    private final String tag;
    /** Digits without zeros in front, so that the longer one is the higher number; empty for a tag without a version. */
    private final List<String> numbers = new ArrayList<>(4);
    private final String rest;
    private final boolean preRelease;

    TagVersion(String tag) {
        this.tag = tag;
        int from = start(tag);
        if (from < 0) {
            rest = "";
            preRelease = false;
            return;
        }
        Matcher version = VERSION.matcher(tag);
        version.find(from);
        for (String number : version.group().split("\\.")) {
            numbers.add(withoutZeros(number));
        }
        rest = tag.substring(version.end());
        preRelease = PRE_RELEASE.matcher(rest.toLowerCase(Locale.ROOT)).find();
    }

    String tag() {
        return tag;
    }

    /** Returns where the version begins; -1 for none. */
    private static int start(String tag) {
        Matcher words = WORD.matcher(tag);
        while (words.find()) {
            if (!HASH.matcher(words.group()).matches()) {
                for (int i = words.start(); i < words.end(); i++) {
                    if (isDigit(tag.charAt(i))) {
                        return i;
                    }
                }
            }
        }
        return -1;
    }

    @Override
    public int compareTo(TagVersion other) {
        int order = Boolean.compare(!numbers.isEmpty(), !other.numbers.isEmpty());
        for (int i = 0; order == 0 && i < Math.max(numbers.size(), other.numbers.size()); i++) {
            order = compareNumbers(number(i), other.number(i));
        }
        if (order == 0) {
            order = Boolean.compare(other.preRelease, preRelease);
        }
        if (order == 0) {
            order = Boolean.compare(rest.isEmpty(), other.rest.isEmpty());
        }
        if (order == 0) {
            order = compareTexts(rest, other.rest);
        }
        if (order == 0) {
            // 1.27.0 is more exact than 1.27.
            order = Integer.compare(numbers.size(), other.numbers.size());
        }
        return order == 0 ? other.tag.compareTo(tag) : order;
    }

    private String number(int index) {
        return index < numbers.size() ? numbers.get(index) : "";
    }

    /** Compares texts by their runs of digits, which are numbers, and of other characters. */
    private static int compareTexts(String one, String other) {
        Matcher ones = RUN.matcher(one);
        Matcher others = RUN.matcher(other);
        while (true) {
            boolean more = ones.find();
            boolean otherMore = others.find();
            if (!more || !otherMore) {
                return Boolean.compare(more, otherMore);
            }
            String run = ones.group();
            String otherRun = others.group();
            int order = isDigit(run.charAt(0)) && isDigit(otherRun.charAt(0)) ? compareNumbers(withoutZeros(run), withoutZeros(otherRun)) : run.compareTo(otherRun);
            if (order != 0) {
                return order;
            }
        }
    }

    private static int compareNumbers(String one, String other) {
        int order = Integer.compare(one.length(), other.length());
        return order == 0 ? one.compareTo(other) : order;
    }

    /** Returns an empty text for zero. */
    private static String withoutZeros(String digits) {
        int from = 0;
        while (from < digits.length() && digits.charAt(from) == '0') {
            from++;
        }
        return digits.substring(from);
    }

    private static boolean isDigit(char c) {
        return c >= '0' && c <= '9';
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof TagVersion that && tag.equals(that.tag);
    }

    @Override
    public int hashCode() {
        return tag.hashCode();
    }

    @Override
    public String toString() {
        return tag;
    }
}
