package io.mirrorregistry.testing;

import io.mirrorregistry.protocol.Digest;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.security.DigestOutputStream;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.Random;

/**
 * The bytes of an answer: a pattern repeated up to a length, so that hundreds of megabytes need no memory.
 *
 * @param pattern what is repeated
 * @param from first byte that is sent
 * @param to the byte after the last one that is sent
 */
public record Body(byte[] pattern, long from, long to) {

    private static final int PATTERN_LENGTH = 65_521;

    /** Returns a body of exactly these bytes. */
    public static Body of(byte[] bytes) {
        return new Body(bytes, 0, bytes.length);
    }

    /** Returns a body of this text in UTF-8. */
    public static Body of(String text) {
        return of(text.getBytes(StandardCharsets.UTF_8));
    }

    /** Returns a body of this many bytes, always the same ones for one seed. */
    public static Body ofSize(long size, long seed) {
        byte[] pattern = new byte[PATTERN_LENGTH];
        new Random(seed).nextBytes(pattern);
        return new Body(pattern, 0, size);
    }

    /** Returns how many bytes there are. */
    public long length() {
        return to - from;
    }

    /** Returns the part between two positions of this body. */
    public Body part(long start, long end) {
        return new Body(pattern, from + start, from + end);
    }

    /** Returns all bytes at once; for small bodies. */
    public byte[] bytes() {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try {
            writeTo(bytes);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return bytes.toByteArray();
    }

    /** Returns the sha256 digest. */
    public Digest digest() {
        try {
            MessageDigest sha256 = MessageDigest.getInstance("SHA-256");
            writeTo(new DigestOutputStream(OutputStream.nullOutputStream(), sha256));
            return new Digest("sha256:" + HexFormat.of().formatHex(sha256.digest()));
        } catch (NoSuchAlgorithmException | IOException e) {
            throw new IllegalStateException(e);
        }
    }

    /** Writes all bytes. */
    public void writeTo(OutputStream out) throws IOException {
        for (long position = from; position < to; ) {
            int start = (int) (position % pattern.length);
            int length = (int) Math.min(pattern.length - start, to - position);
            out.write(pattern, start, length);
            position += length;
        }
    }
}
