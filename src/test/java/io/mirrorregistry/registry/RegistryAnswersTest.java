package io.mirrorregistry.registry;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class RegistryAnswersTest {

    @ParameterizedTest
    @CsvSource(nullValues = "-", value = {"0, 0", "5, 5", "007, 7", "999999999999999999, 999999999999999999", "-, -1", "'', -1", "+5, -1", "'-5', -1", "-0, -1",
        "' 5', -1", "5 5, -1", "'1, 1', -1", "0x10, -1", "1.0, -1", "1e3, -1", "1_000, -1", "\u0665, -1", "1000000000000000000, -1", "99999999999999999999, -1"})
    void takesOnlyDigitsForANumber(String text, long number) {
        assertEquals(number, RegistryAnswers.digits(text));
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', nullValues = "-", value = {
        "0 | 0", "120 | 120", "' 7 ' | 7", "0031 | 0031", "999999999 | 999999999", "1000000000 | -", "9999999999 | -",
        "Wed, 21 Oct 2037 07:28:00 GMT | Wed, 21 Oct 2037 07:28:00 GMT",
        "'Wednesday, 21-Oct-37 07:28:00 GMT' | Wed, 21 Oct 2037 07:28:00 GMT",
        "Wed Oct 21 07:28:00 2037 | -", "Wed, 21 Oct 2015 07:28:00 GMT | -", "Thu, 01 Jan 1970 00:00:00 GMT | -",
        "- | -", "'' | -", "' ' | -", "soon | -", "-1 | -", "+5 | -", "1.5 | -", "1e3 | -", "5s | -", "5 seconds | -", "5, 10 | -", "0x10 | -",
        "99999999999999999999 | -", "\u0665 | -", "Wed, 99 Oct 2037 07:28:00 GMT | -", "2037-10-21T07:28:00Z | -", "tomorrow 10:00 | -",
        "call 555 1234 | -"})
    void handsOnSecondsAndDatesOnly(String sent, String handedOn) {
        assertEquals(handedOn, RegistryAnswers.retryAfter(sent));
    }
}
