package io.mirrorregistry.edge;

import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A part of a blob.
 *
 * @param start first byte, from 0
 * @param length how many bytes
 * @see <a href="https://www.rfc-editor.org/rfc/rfc9110#section-14.2">RFC 9110, Range</a>
 */
record ByteRange(long start, long length) {

    private static final String UNIT = "bytes=";
    private static final int LONGEST = 64;
    private static final Pattern ANSWERED = Pattern.compile("bytes ([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18}|\\*)");

    /**
     * Reads a Range header.
     *
     * @param header the value; may be null
     * @param size the blob's size in bytes
     * @return the part; all of it where the header is none, is malformed or names several parts; null where it lies outside
     */
    static ByteRange parse(String header, long size) {
        ByteRange all = new ByteRange(0, size);
        if (header == null || !header.regionMatches(true, 0, UNIT, 0, UNIT.length())) {
            return all;
        }
        String range = header.substring(UNIT.length()).strip();
        int dash = range.indexOf('-');
        if (dash < 0 || range.indexOf('-', dash + 1) >= 0) {
            return all;
        }
        long first = number(range.substring(0, dash));
        long last = number(range.substring(dash + 1));
        if (dash == 0) {
            return last < 0 ? all : suffix(last, size);
        }
        boolean open = dash == range.length() - 1;
        if (first < 0 || !open && (last < 0 || last < first)) {
            return all;
        }
        if (first >= size) {
            return null;
        }
        long end = open ? size - 1 : Math.min(last, size - 1);
        return new ByteRange(first, end - first + 1);
    }

    /**
     * Reads the Content-Range of an answer.
     *
     * @param asked the Range header that it answers
     * @return the part; null where it is none, or lies outside what was asked for
     */
    static ByteRange answered(String contentRange, String asked) {
        Matcher parts = ANSWERED.matcher(contentRange);
        if (!parts.matches()) {
            return null;
        }
        long first = Long.parseLong(parts.group(1));
        long last = Long.parseLong(parts.group(2));
        ByteRange wanted = parse(asked, parts.group(3).equals("*") ? Long.MAX_VALUE : Long.parseLong(parts.group(3)));
        // It may be shorter.
        return wanted != null && first == wanted.start && last >= first && last - first < wanted.length
                ? new ByteRange(first, last - first + 1) : null;
    }

    /** Returns whether a Range header names one part. */
    static boolean isOne(String header) {
        return header.regionMatches(true, 0, UNIT, 0, UNIT.length()) && header.length() <= LONGEST
                && header.substring(UNIT.length()).chars().allMatch(c -> c >= '0' && c <= '9' || c == '-');
    }

    private static ByteRange suffix(long length, long size) {
        if (length == 0 || size == 0) {
            return null;
        }
        long bounded = Math.min(length, size);
        return new ByteRange(size - bounded, bounded);
    }

    private static long number(String digits) {
        if (digits.isEmpty() || digits.length() > 18 || !digits.chars().allMatch(c -> c >= '0' && c <= '9')) {
            return -1;
        }
        return Long.parseLong(digits);
    }

    boolean isAllOf(long size) {
        return length == size;
    }

    /** Returns the value of a Content-Range header. */
    String contentRange(long size) {
        return "bytes " + start + "-" + (start + length - 1) + "/" + size;
    }
}
