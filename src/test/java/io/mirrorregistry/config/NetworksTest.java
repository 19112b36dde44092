package io.mirrorregistry.config;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class NetworksTest {

    private static boolean contains(String networks, String address) throws InvalidSettingException {
        return Networks.read(new SettingValues(Map.of("x", networks)), "x").contain(Networks.address(address));
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
        "10.0.0.0/8 | 10.255.1.2 | true",
        "10.0.0.0/8 | 11.0.0.0 | false",
        "10.0.0.0/8 | 9.255.255.255 | false",
        "10.1.2.3/8 | 10.9.9.9 | true",
        "192.168.4.0/22 | 192.168.7.255 | true",
        "192.168.4.0/22 | 192.168.8.0 | false",
        "192.0.2.7 | 192.0.2.7 | true",
        "192.0.2.7 | 192.0.2.6 | false",
        "0.0.0.0/0 | 203.0.113.1 | true",
        "0.0.0.0/0 | ::1 | false",
        "10.0.0.0/8, 192.0.2.7,, ::1 | ::1 | true",
        "10.0.0.0/8, 192.0.2.7 | 192.0.2.7 | true",
        "2001:db8::/33 | 2001:db8:7fff::1 | true",
        "2001:db8::/33 | 2001:db8:8000::1 | false",
        "192.0.2.0/24 | ::ffff:192.0.2.1 | true",
        "::ffff:192.0.2.0/24 | 192.0.2.1 | true",
        "::/0 | 2001:db8::1 | true",
        "::/0 | ::1 | true",
        "::/0 | 192.0.2.1 | false",
        "ffff::/16 | ffff:1::1 | true",
        "ffff::/16 | fffe::1 | false",
        "2001:db8::7/128 | 2001:db8::7 | true",
        "2001:db8::7/128 | 2001:db8::6 | false",
        "192.0.2.7/31 | 192.0.2.6 | true",
        "255.255.255.255 | 255.255.255.254 | false",
        "128.0.0.0/1 | 200.0.0.1 | true",
        "128.0.0.0/1 | 127.0.0.1 | false",
        "'' | 127.0.0.1 | false"})
    void containsWhatIsInARange(String networks, String address, boolean expected) throws Exception {
        assertEquals(expected, contains(networks, address));
    }

    @Test
    void readsTheSameListForStrategies() {
        assertTrue(Networks.parse("10.1.0.0/16, ::1").contain(Networks.address("10.1.2.3")));
        assertTrue(Networks.parse("").isEmpty());
        for (String part : List.of("proxy.example.com", "10.0.0.0/33", "10.0.0/8", "10.0.0.0/", "10.0.0.0/-1", "2001:db8::/129", "/8")) {
            String message = assertThrows(IllegalArgumentException.class, () -> Networks.parse("::1, " + part)).getMessage();
            assertEquals(part + " is no IP address and no range of addresses", message);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "localhost", "example.com", "1.2.3", "1.2.3.256", "0x7f.1", "2130706433", "::g", "1:2:3", "unknown", "127.0.0.1 ", "-1.2.3.4"})
    void aNameIsNoAddress(String text) {
        assertNull(Networks.address(text));
    }

    @Test
    void nothingIsInNone() {
        assertFalse(Networks.NONE.contain(Networks.address("127.0.0.1")));
    }
}
