package io.mirrorregistry.protocol;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.CharRange;
import net.jqwik.api.constraints.LongRange;
import net.jqwik.api.constraints.StringLength;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.NullSource;
import org.junit.jupiter.params.provider.ValueSource;

class ByteRangeTest {

    @ParameterizedTest
    @CsvSource(nullValues = "-", value = {
        "bytes=0-0, 0, 1", "bytes=0-9, 0, 10", "bytes=5-, 5, 95", "bytes=99-, 99, 1", "bytes=90-1000, 90, 10",
        "bytes=-1, 99, 1", "bytes=-100, 0, 100", "bytes=-1000, 0, 100", "Bytes=1-2, 1, 2",
        "-, 0, 100", "bytes=, 0, 100", "bytes=a-b, 0, 100", "bytes=9-5, 0, 100", "'bytes=0-1,5-6', 0, 100",
        "lines=0-1, 0, 100", "bytes=1, 0, 100", "bytes=99999999999999999999-, 0, 100", "bytes=-, 0, 100", "bytes=1-2-3, 0, 100",
        "bytes=-0, 0, 100", "bytes=0000000000000000001-, 0, 100"})
    void readsOnePartAndTakesTheWholeForAnythingElse(String header, long start, long length) {
        assertEquals(new ByteRange(start, length), ByteRange.parse(header, 100));
    }

    @ParameterizedTest
    @CsvSource({"bytes=100-, 100", "bytes=100-200, 100", "bytes=0-, 0", "bytes=-5, 0"})
    void knowsWhatLiesOutside(String header, long size) {
        assertEquals(null, ByteRange.parse(header, size));
    }

    @ParameterizedTest
    @CsvSource({"bytes=0-, bytes=0-", "bytes=5-14, bytes=5-14", "bytes=-1, bytes=-1", "BYTES=007-0009, bytes=7-9", "bytes=5-5, bytes=5-5",
        "bytes=000000000000000001-, bytes=1-", "bytes=-000000000000000007, bytes=-7", "bytes=999999999999999999-, bytes=999999999999999999-"})
    void writesARangeInOneForm(String header, String canonical) {
        assertEquals(canonical, ByteRange.canonical(header));
    }

    @ParameterizedTest
    @NullSource
    @ValueSource(strings = {"", "bytes", "bytes=", "bytes=-", "bytes=-0", "bytes=-00", "bytes=0000000000000000001-", "bytes=1-0000000000000000002",
        "bytes=-0000000000000000001", "bytes=9-5", "bytes=1", "bytes=1-2-3", "bytes=--5", "bytes=0-1,5-6", "bytes=0-,", "bytes=+1-5", "bytes=1-+5",
        "bytes= 1-5", "bytes=1-5 ", " bytes=1-5", "bytes =1-5", "bytes=1 -5", "bytes=0x1-", "bytes=1.0-", "bytes=\u0661-", "lines=0-1", "byte=0-1",
        "bytes=0-1;x", "bytes=0-1\t"})
    void understandsNoOtherRange(String header) {
        assertNull(ByteRange.canonical(header));
    }

    @Property
    void neverLeavesTheBlob(@ForAll @CharRange(from = '+', to = ':') @StringLength(max = 12) String text,
            @ForAll @LongRange(min = 0, max = 200) long size) {
        ByteRange range = ByteRange.parse("bytes=" + text, size);
        assertTrue(range == null || range.start() >= 0 && range.length() >= 0 && range.start() + range.length() <= size);
    }

    @ParameterizedTest
    @CsvSource({"bytes 5-14/1001, bytes=5-14, 5, 10", "bytes 5-9/1001, bytes=5-14, 5, 5", "bytes 5-14/*, bytes=5-14, 5, 10",
        "bytes 991-1000/1001, bytes=-10, 991, 10", "bytes 991-1000/1001, bytes=991-, 991, 10", "bytes 0-9/10, bytes=0-99, 0, 10"})
    void takesThePartThatWasAskedFor(String contentRange, String asked, long start, long length) {
        assertEquals(new ByteRange(start, length), ByteRange.answered(contentRange, asked).part());
    }

    @ParameterizedTest
    @CsvSource({"bytes 0-1000/1001, bytes=0-, true", "bytes 0-1000/1001, bytes=0-1000, true", "bytes 0-1000/1001, bytes=-1001, true",
        "bytes 0-1000/1001, bytes=-5000, true", "bytes 0-0/1, bytes=0-0, true", "bytes 0-999/1001, bytes=0-999, false", "bytes 1-1000/1001, bytes=1-, false",
        "bytes 0-4/1001, bytes=0-9, false"})
    void knowsThePartThatIsTheWhole(String contentRange, String asked, boolean whole) {
        assertEquals(whole, ByteRange.answered(contentRange, asked).whole());
    }

    /** Otherwise a registry could have the whole pass for a part of it, which nothing proves. */
    @ParameterizedTest
    @CsvSource({"bytes 0-1000/*, bytes=0-", "bytes 0-9/*, bytes=0-9", "bytes 0-999/1001, bytes=0-", "bytes 5-999/1001, bytes=5-", "bytes 991-999/1001, bytes=-10",
        "bytes 0-999/1001, bytes=-1001"})
    void takesNoPartOfWhichNobodyKnowsWhetherItIsTheWhole(String contentRange, String asked) {
        assertNull(ByteRange.answered(contentRange, asked));
    }

    @ParameterizedTest
    @CsvSource({"bytes 0-9/1001, bytes=5-14", "bytes 5-15/1001, bytes=5-14", "bytes 5-4/1001, bytes=5-14", "bytes 5-14/9, bytes=5-14",
        "bytes 990-999/1001, bytes=-10", "bytes 991-1000/*, bytes=-10", "bytes 5-14, bytes=5-14", "'bytes 5-14/1001 ', bytes=5-14",
        "bytes 5-99999999999999999999/*, bytes=5-"})
    void takesNoOther(String contentRange, String asked) {
        assertNull(ByteRange.answered(contentRange, asked));
    }
}
