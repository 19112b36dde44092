package io.mirrorregistry.registry.auth;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class TokenTest {

    @Test
    void takesTokenOrAccessToken() {
        assertEquals("Bearer a", Token.parse("{\"token\":\"a\"}").header());
        assertEquals("Bearer b", Token.parse("{\"access_token\":\"b\"}").header());
        assertEquals("Bearer a", Token.parse("{\"access_token\":\"b\",\"token\":\"a\"}").header());
        assertEquals("Bearer b", Token.parse("{\"access_token\":\"b\",\"token\":\"\"}").header());
        assertEquals("Bearer b", Token.parse("{\"Access_Token\":\"b\",\"token\":5}").header());
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
        "{\"token\":\"a\"} | 60",
        "{\"token\":\"a\",\"expires_in\":300} | 300",
        "{\"token\":\"a\",\"expires_in\":0} | 60",
        "{\"token\":\"a\",\"expires_in\":-5} | 60",
        "{\"token\":\"a\",\"expires_in\":\"soon\"} | 60",
        "{\"token\":\"a\",\"expires_in\":\"300\"} | 300",
        "{\"token\":\"a\",\"expires_in\":\"-300\"} | 60",
        "{\"token\":\"a\",\"Expires_In\":300} | 300",
        "{\"token\":\"a\",\"expires_in\":99999999999} | 3600"})
    void livesAsLongAsToldWithinReasonAndIsRenewedEarlier(String json, int seconds) {
        long millis = Token.parse(json).lifetime().toMillis();
        assertTrue(millis < seconds * 1000L && millis >= seconds * 1000L - 10_000, millis + " of " + seconds);
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "null", "[]", "<html>", "{}", "{\"token\":null}", "{\"token\":\"\"}", "{\"token\":5}",
        "{\"token\":\"a\\r\\nX: y\"}", "{\"token\":\"a b\"}", "{\"token\":\"a\""})
    void refusesAnAnswerWithoutUsableToken(String json) {
        assertThrows(IllegalArgumentException.class, () -> Token.parse(json));
    }

    @Property
    void neverFailsInAnotherWay(@ForAll String noise) {
        try {
            Token.parse(noise);
        } catch (IllegalArgumentException e) {
            assertFalse(e.getMessage().isEmpty());
        }
    }

    @Test
    void doesNotTellItselfToLogs() {
        assertFalse(Token.parse("{\"token\":\"hunter2\"}").toString().contains("hunter2"));
    }
}
