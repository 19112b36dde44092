package io.mirrorregistry.server;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.mirrorregistry.registry.PushBodyException;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.io.ByteArrayOutputStream;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.Test;

class BodyBufferTest {

    private final BodyBuffer buffer = new BodyBuffer();

    private static ByteBuf bytes(int count, int first) {
        byte[] bytes = new byte[count];
        for (int i = 0; i < count; i++) {
            bytes[i] = (byte) (first + i);
        }
        return Unpooled.wrappedBuffer(bytes);
    }

    private byte[] take(int count) throws Exception {
        byte[] taken = Arrays.copyOfRange(buffer.bytes(), buffer.offset(), buffer.offset() + count);
        buffer.release(count);
        return taken;
    }

    @RepeatedTest(20)
    void givesAllBytesInTheirOrderHoweverTheyComeAndGo() throws Exception {
        Random random = new Random();
        ByteArrayOutputStream taken = new ByteArrayOutputStream();
        int put = 0;
        while (taken.size() < 1_000_000) {
            int more = random.nextInt(random.nextBoolean() ? 10 : 40_000);
            if (random.nextBoolean() && buffer.put(bytes(more, put))) {
                put += more;
            }
            int there = buffer.await(0);
            if (random.nextBoolean() && there > 0) {
                taken.write(take(1 + random.nextInt(there)));
            }
        }
        byte[] expected = new byte[taken.size()];
        bytes(taken.size(), 0).readBytes(expected);
        assertArrayEquals(expected, taken.toByteArray());
        assertEquals(put, buffer.arrived());
    }

    @Test
    void leavesBytesWhereTheyAreReadWhileMoreArrive() throws Exception {
        buffer.put(bytes(10_000, 0));
        int first = buffer.await(0);
        byte[] where = buffer.bytes();
        buffer.put(bytes(100_000, 10_000));
        assertSame(where, buffer.bytes());
        assertArrayEquals(Arrays.copyOf(bytes(10_000, 0).array(), first), take(first));
        buffer.await(0);
        assertEquals((byte) 10_000, buffer.bytes()[buffer.offset()]);
    }

    @Test
    void keepsNoMoreThanItMay() throws Exception {
        assertTrue(buffer.put(bytes(BodyBuffer.MOST, 0)));
        assertFalse(buffer.put(bytes(1, 0)));
        assertEquals(BodyBuffer.MOST, buffer.await(0));
        assertTrue(buffer.isPaused());
        assertFalse(buffer.release(1), "it goes on with little room");
        assertTrue(buffer.put(bytes(1, 0)));
        int rest = BodyBuffer.MOST - 1;
        assertEquals(rest, buffer.await(0));
        assertTrue(buffer.release(rest), "it does not go on");
        assertFalse(buffer.isPaused());
    }

    @Test
    void endsAfterTheLastByte() throws Exception {
        buffer.put(bytes(3, 0));
        buffer.end();
        assertEquals(3, buffer.await(0));
        take(3);
        assertEquals(-1, buffer.await(0));
        buffer.fail(new PushBodyException("too late", true));
        assertEquals(-1, buffer.await(0));
    }

    @Test
    void failsOnceWithTheFirstReasonAndKeepsNothing() throws Exception {
        buffer.put(bytes(100_000, 0));
        PushBodyException first = new PushBodyException("first", false);
        buffer.fail(first);
        buffer.fail(new PushBodyException("second", true));
        assertSame(first, assertThrows(PushBodyException.class, () -> buffer.await(0)));
        assertTrue(buffer.put(bytes(BodyBuffer.MOST * 2, 0)), "dropped bytes need room");
        assertTrue(buffer.toString().contains(" 0 kept"), buffer.toString());
    }

    @Test
    void wakesTheOneWhoWaits() throws Exception {
        Thread other = new Thread(() -> buffer.put(bytes(1, 0)));
        other.start();
        while (buffer.await(10_000) == 0) {
            assertTrue(other.isAlive() || buffer.await(0) == 1, "nothing came");
        }
        other.join();
    }
}
