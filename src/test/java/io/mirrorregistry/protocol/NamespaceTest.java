package io.mirrorregistry.protocol;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class NamespaceTest {

    @ParameterizedTest
    @ValueSource(strings = {"docker.io", "ghcr.io:443", "localhost", "localhost:5000", "a", "1.2.3.4", "1.2.3.4:1", "my-registry.example.com:65535",
        "[::1]", "[::1]:5000", "[2001:db8::1]:5000", "[::ffff:192.0.2.1]:5000", "xn--bcher-kva.example"})
    void takesHostNames(String value) {
        assertTrue(Namespace.isValid(value));
        assertEquals(value, new Namespace(value).toString());
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "Docker.io", "https://docker.io", "docker.io/", "docker.io/library", "my_registry", "docker..io", ".io", "docker.", "-a", "a-",
        "docker.io:", "docker.io:0", "docker.io:65536", "docker.io:999999", "docker.io:+1", "docker.io:5000:1", ":5000", "a b", " a", "a\n", "::1", "[::1", "[]", "[]:1", "[1.2.3.4]",
        "[::g]", "[[::1]]", "[::1%eth0]", "[::1]x", "[::1]:", "[docker.io]", "docker.io?x", "docker.io#x", "user@docker.io", "d\u00f6cker.io", "docker.io:\u0661"})
    void refusesAnythingElse(String value) {
        assertFalse(Namespace.isValid(value));
        assertThrows(IllegalArgumentException.class, () -> new Namespace(value));
    }

    @Test
    void hasBounds() {
        assertTrue(Namespace.isValid("a".repeat(63)));
        assertFalse(Namespace.isValid("a".repeat(64)));
        assertTrue(Namespace.isValid("a.".repeat(126) + "a"));
        assertFalse(Namespace.isValid("a.".repeat(127) + "a"));
    }

    @Test
    void onlyLettersOfHostNamesChangeTheirCase() {
        assertEquals("docker.io:5000", Namespace.toLowerCase("Docker.IO:5000"));
        assertEquals("[::ab]", Namespace.toLowerCase("[::AB]"));
        // To Java, the lower case of the Kelvin sign is k, and that of the dotted I begins with i.
        for (String odd : new String[] {"doc\u212aer.io", "docker.\u0130o"}) {
            assertEquals(odd, Namespace.toLowerCase(odd));
            assertFalse(Namespace.isValid(Namespace.toLowerCase(odd)));
        }
    }
}
