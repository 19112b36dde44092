package io.mirrorregistry.registry;

import io.mirrorregistry.work.MemoryBudget;
import java.io.IOException;
import java.io.InputStream;
import java.util.ArrayList;
import java.util.List;

/** Reads a body of unknown length, and takes the memory for it as it comes: most answers are small, whatever they may be at most. */
public final class BodyReader {

    private static final int PART_BYTES = 256 * 1024;

    /** Other answers have the memory. */
    public static final class NoMemoryException extends IOException {

        NoMemoryException() {
            super("other answers have the memory");
        }

        @Override
        public synchronized Throwable fillInStackTrace() {
            return this;
        }
    }

    private BodyReader() {
    }

    /**
     * Reads to the end of the stream, but no more than a byte beyond the most.
     *
     * @param share pays for the body; null where nobody does
     * @param registry the name of the registry that sends it
     * @throws NoMemoryException when the share gets no more
     * @throws IOException when the body breaks off
     */
    public static byte[] read(InputStream stream, int most, MemoryBudget.Share share, String registry) throws IOException {
        take(share, MemoryBudget.SMALL_BYTES);
        byte[] first = stream.readNBytes(MemoryBudget.SMALL_BYTES);
        if (first.length < MemoryBudget.SMALL_BYTES) {
            keep(share, first.length);
            return first;
        }
        if (share != null && !share.grow(registry)) {
            throw new NoMemoryException();
        }
        int length = 0;
        try {
            byte[] whole = readRest(first, stream, most, share);
            length = whole.length;
            return whole;
        } finally {
            if (share != null) {
                share.grown(length);
            }
        }
    }

    private static byte[] readRest(byte[] first, InputStream stream, int most, MemoryBudget.Share share) throws IOException {
        List<byte[]> parts = new ArrayList<>(List.of(first));
        int length = first.length;
        while (length <= most) {
            take(share, PART_BYTES);
            byte[] part = stream.readNBytes(Math.min(PART_BYTES, most + 1 - length));
            parts.add(part);
            length += part.length;
            if (part.length < PART_BYTES) {
                break;
            }
        }
        take(share, length);
        byte[] whole = new byte[length];
        int position = 0;
        for (byte[] part : parts) {
            System.arraycopy(part, 0, whole, position, part.length);
            position += part.length;
        }
        return whole;
    }

    private static void take(MemoryBudget.Share share, int bytes) throws NoMemoryException {
        if (share != null && !share.take(bytes)) {
            throw new NoMemoryException();
        }
    }

    private static void keep(MemoryBudget.Share share, int bytes) {
        if (share != null) {
            share.keep(bytes);
        }
    }
}
