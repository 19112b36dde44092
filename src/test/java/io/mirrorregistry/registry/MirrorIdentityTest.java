package io.mirrorregistry.registry;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.mirrorregistry.registry.MirrorIdentity.LoopException;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class MirrorIdentityTest {

    private final MirrorIdentity self = new MirrorIdentity();

    @Test
    void itsOwnCallIsRecognizedWhateverProxiesAdd() {
        String own = self.via(null);
        assertTrue(own.matches("1\\.1 mirror-registry-[0-9a-f]{32}"), own);
        for (String line : List.of(own, "1.0 squid, " + own, own + ", 1.1 nginx (x, y)", own.toUpperCase().replace("MIRROR-REGISTRY-", "mirror-registry-").toLowerCase())) {
            assertThrows(LoopException.class, () -> self.passed(List.of("1.1 first", line)), line);
        }
    }

    @Test
    void thoseOfOtherMirrorsAreHandedOn() throws Exception {
        MirrorIdentity other = new MirrorIdentity();
        String passed = self.passed(List.of("1.1 squid, " + other.via(null), "1.1 nginx"));
        assertEquals(other.via(null), passed);
        assertEquals(other.via(null) + ", " + self.via(null), self.via(passed));
        assertThrows(LoopException.class, () -> other.passed(List.of(self.via(passed))));
        // Asked twice for one call it adds itself once.
        assertEquals(self.via(passed), self.via(self.via(passed)));
    }

    @Test
    void aLineOfManyMirrorsIsACircle() throws Exception {
        String passed = null;
        for (int i = 0; i < 8; i++) {
            passed = self.passed(List.of(new MirrorIdentity().via(passed)));
        }
        String tooMany = new MirrorIdentity().via(passed);
        assertThrows(LoopException.class, () -> self.passed(List.of(tooMany)));
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "1.1 squid", "1.1 mirror-registry", "1.1 mirror-registry-0123", "mirror-registry-XYZ", "1.1 vegur, 1.1 varnish (Varnish/6.0)"})
    void proxiesOfOthersAreNotHandedOn(String via) throws Exception {
        assertNull(self.passed(List.of(via)));
    }

    @Test
    void everyMirrorHasAnother() {
        assertNotEquals(self.via(null), new MirrorIdentity().via(null));
    }
}
