package io.mirrorregistry.protocol;

import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A part of a blob.
 *
 * @param start first byte, from 0
 * @param length how many bytes
 * @see <a href="https://www.rfc-editor.org/rfc/rfc9110#section-14.2">RFC 9110, Range</a>
 */
public record ByteRange(long start, long length) {

    private static final String UNIT = "bytes=";
    /** Of 18 digits every number is a long. */
    private static final Pattern ASKED = Pattern.compile("(?i:bytes)=([0-9]{0,18})-([0-9]{0,18})");
    private static final Pattern ANSWERED = Pattern.compile("bytes ([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18}|\\*)");
    /** The end of an open range, and the start of a suffix range. */
    private static final long NONE = -1;

    /** The two numbers of a Range header, {@link #NONE} where one is left out. */
    private record Asked(long first, long last) {

        /** Returns null for anything but {@code d-}, {@code d-d} and {@code -d}; the last {@code d} of the latter is not 0. */
        static Asked of(String header) {
            Matcher parts = header == null ? null : ASKED.matcher(header);
            if (parts == null || !parts.matches()) {
                return null;
            }
            long first = number(parts.group(1));
            long last = number(parts.group(2));
            boolean understood = first == NONE ? last > 0 : last == NONE || first <= last;
            return understood ? new Asked(first, last) : null;
        }

        private static long number(String digits) {
            return digits.isEmpty() ? NONE : Long.parseLong(digits);
        }

        /** Returns whether the part goes on to the blob's end. */
        boolean toTheEnd() {
            return first == NONE || last == NONE;
        }

        /** Returns the part of a blob of this size; null where it lies outside. */
        ByteRange of(long size) {
            if (size == 0 || first >= size) {
                return null;
            }
            if (first == NONE) {
                long bounded = Math.min(last, size);
                return new ByteRange(size - bounded, bounded);
            }
            long end = last == NONE ? size - 1 : Math.min(last, size - 1);
            return new ByteRange(first, end - first + 1);
        }

        @Override
        public String toString() {
            return UNIT + (first == NONE ? "" : first) + "-" + (last == NONE ? "" : last);
        }
    }

    /**
     * What a Content-Range says.
     *
     * @param size the whole blob's size in bytes; -1 where it is not told
     */
    public record Answered(ByteRange part, long size) {

        /** Returns whether the part is the whole blob. */
        public boolean whole() {
            return part.start == 0 && part.length == size;
        }

        /** @param length the blob's size as the registry told it before; -1 where it did not */
        public boolean contradicts(long length) {
            return length >= 0 && size >= 0 && length != size;
        }
    }

    /**
     * Returns a client's Range header in the one form that registries are sent; null where the mirror does not understand it. A
     * registry might understand it differently: what the mirror cannot check it does not hand on.
     *
     * @param header the value; may be null
     */
    public static String canonical(String header) {
        Asked asked = Asked.of(header);
        return asked == null ? null : asked.toString();
    }

    /**
     * Reads a Range header.
     *
     * @param header the value; may be null
     * @param size the blob's size in bytes
     * @return the part; all of it where the header is none, or not understood; null where it lies outside
     */
    public static ByteRange parse(String header, long size) {
        Asked asked = Asked.of(header);
        return asked == null ? new ByteRange(0, size) : asked.of(size);
    }

    /**
     * Reads the Content-Range of a response. The part may be shorter than the one asked for only where both its ends were named, and
     * from the first byte on the size has to be told: otherwise nobody knows whether the part is the whole, which has to be proved.
     *
     * @param asked the Range header that it answers
     * @return the part; null where it is none, or another than the one asked for
     */
    public static Answered answered(String contentRange, String asked) {
        Matcher parts = ANSWERED.matcher(contentRange);
        Asked range = Asked.of(asked);
        if (!parts.matches() || range == null) {
            return null;
        }
        long first = Long.parseLong(parts.group(1));
        long last = Long.parseLong(parts.group(2));
        boolean sized = !parts.group(3).equals("*");
        long size = sized ? Long.parseLong(parts.group(3)) : Long.MAX_VALUE;
        ByteRange wanted = range.of(size);
        if (wanted == null || first != wanted.start || last < first || last - first >= wanted.length) {
            return null;
        }
        boolean undecided = !sized && first == 0;
        boolean tooShort = sized && range.toTheEnd() && last != size - 1;
        return undecided || tooShort ? null : new Answered(new ByteRange(first, last - first + 1), sized ? size : NONE);
    }

    public boolean isAllOf(long size) {
        return length == size;
    }

    /** Returns the value of a Content-Range header. */
    public String contentRange(long size) {
        return "bytes " + start + "-" + (start + length - 1) + "/" + size;
    }
}
