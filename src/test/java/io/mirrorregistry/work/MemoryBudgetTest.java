package io.mirrorregistry.work;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.mirrorregistry.registry.BodyReader;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class MemoryBudgetTest {

    private static final int MEBIBYTE = 1024 * 1024;
    /** The least that there is. */
    private static final int ALL = 16 * MEBIBYTE;

    private final MemoryBudget memory = new MemoryBudget(0);

    private MemoryBudget.Share share() {
        return memory.share();
    }

    private static byte[] bytes(int length) {
        byte[] bytes = new byte[length];
        new Random(length).nextBytes(bytes);
        return bytes;
    }

    @Test
    void keepsAPartForSmallAnswersWhileOthersHaveAllTheRest() {
        List<MemoryBudget.Share> large = new ArrayList<>();
        for (int i = 0; i < 7; i++) {
            large.add(share());
            assertTrue(large.get(i).take(2 * MEBIBYTE));
        }
        assertFalse(share().take(2 * MEBIBYTE));
        List<MemoryBudget.Share> small = new ArrayList<>();
        for (int i = 0; i < 32; i++) {
            small.add(share());
            assertTrue(small.get(i).take(64 * 1024));
        }
        assertFalse(share().take(1));
        large.forEach(MemoryBudget.Share::close);
        small.forEach(MemoryBudget.Share::close);
        assertEquals(ALL, memory.freeBytes());
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 1023, 65_535, 65_536, 65_537, 300_000, 327_680, 4 * MEBIBYTE - 1, 4 * MEBIBYTE})
    void readsABodyOfUnknownLengthAndKeepsWhatItTakes(int length) throws IOException {
        MemoryBudget.Share share = share();
        byte[] body = bytes(length);
        assertArrayEquals(body, BodyReader.read(new ByteArrayInputStream(body), 4 * MEBIBYTE, share, "hot"));
        assertEquals(ALL - (length + 1023) / 1024 * 1024, memory.freeBytes());
        share.close();
        assertEquals(ALL, memory.freeBytes());
    }

    @Test
    void readsNoMoreThanAByteBeyondTheMost() throws IOException {
        assertEquals(MEBIBYTE + 1, BodyReader.read(new ByteArrayInputStream(bytes(3 * MEBIBYTE)), MEBIBYTE, null, "hot").length);
    }

    @Test
    void readsSmallBodiesOfUnknownLengthWhileSlowClientsHaveTheLargePart() throws IOException {
        MemoryBudget.Share slow = share();
        assertTrue(slow.take(14 * MEBIBYTE));
        MemoryBudget.Share share = share();
        assertEquals(5000, BodyReader.read(new ByteArrayInputStream(bytes(5000)), 4 * MEBIBYTE, share, "hot").length);
        assertThrows(BodyReader.NoMemoryException.class,
                () -> BodyReader.read(new ByteArrayInputStream(bytes(MEBIBYTE)), 4 * MEBIBYTE, share(), "hot"));
        slow.close();
        assertEquals(MEBIBYTE, BodyReader.read(new ByteArrayInputStream(bytes(MEBIBYTE)), 4 * MEBIBYTE, share, "hot").length);
    }

    @Test
    void chargesABodyThatSeveralClientsTakeOnce() {
        byte[] body = bytes(10 * MEBIBYTE);
        MemoryBudget.Share one = share();
        MemoryBudget.Share other = share();
        assertTrue(one.hold(body));
        assertTrue(other.hold(body));
        assertEquals(ALL - 10 * MEBIBYTE, memory.freeBytes());
        assertFalse(share().hold(bytes(10 * MEBIBYTE)));
        one.close();
        assertEquals(ALL - 10 * MEBIBYTE, memory.freeBytes());
        other.close();
        assertEquals(ALL, memory.freeBytes());
    }

    @Test
    void chargesNothingMoreForABodyThatWasPaidForWhenItWasRead() {
        MemoryBudget.Share share = share();
        assertTrue(share.take(10 * MEBIBYTE));
        assertTrue(share.hold(bytes(10 * MEBIBYTE)));
        assertEquals(ALL - 10 * MEBIBYTE, memory.freeBytes());
        share.close();
        share.close();
        assertEquals(ALL, memory.freeBytes());
    }
}
