package io.mirrorregistry.config;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;

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
        "'' | 127.0.0.1 | false"})
    void containsWhatIsInARange(String networks, String address, boolean expected) throws Exception {
        assertEquals(expected, contains(networks, address));
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
