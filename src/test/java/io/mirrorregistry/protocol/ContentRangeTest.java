package io.mirrorregistry.protocol;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ContentRangeTest {

    @ParameterizedTest
    @CsvSource({"0-0, 0, 0, 1", "0-1023, 0, 1023, 1024", "1024-2047, 1024, 2047, 1024", "' 5-9 ', 5, 9, 5", "bytes 0-9/10, 0, 9, 10", "bytes 0-9/*, 0, 9, 10",
        "bytes=0-9, 0, 9, 10", "0-9/10, 0, 9, 10", "007-009, 7, 9, 3", "0-999999999999999999, 0, 999999999999999999, 1000000000000000000"})
    void readsTheFirstAndTheLastByte(String value, long first, long last, long length) throws Exception {
        ContentRange range = ContentRange.parse(value);
        assertEquals(new ContentRange(first, last), range);
        assertEquals(length, range.length());
        assertEquals(first + "-" + last, range.toString());
    }

    @ParameterizedTest
    @ValueSource(strings = {"", " ", "-", "0", "0-", "-5", "5-4", "a-b", "0-9,10-19", "0 - 9", "0--9", "+0-9", "0x0-9", "0-1000000000000000000", "99999999999999999999-99999999999999999999",
        "bytes", "bytes */10", "bytes 0-9/", "items 0-9", "0-9\u0000", "0-9\r\nX: y", "٠-٩", "1e1-9"})
    void refusesEverythingElse(String value) {
        ProtocolException refused = assertThrows(ProtocolException.class, () -> ContentRange.parse(value));
        assertEquals(ErrorCode.BLOB_UPLOAD_INVALID, refused.code());
        assertEquals(value, refused.detail());
    }

    @Test
    @Timeout(value = 5, unit = TimeUnit.SECONDS)
    void aLongValueTakesNoTime() {
        assertThrows(ProtocolException.class, () -> ContentRange.parse("0-9/" + "9".repeat(1_000_000) + "x"));
    }
}
