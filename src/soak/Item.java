package soak;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.Set;
import java.util.TreeSet;

/** A manifest or blob of a repository. */
final class Item {

    final String repository;
    final String digest;
    final String type;
    final ByteBuffer bytes;
    final Set<Registry> holders = new TreeSet<>();

    Item(String repository, String digest, String type, Path file) {
        this.repository = repository;
        this.digest = digest;
        this.type = type;
        try (FileChannel channel = FileChannel.open(file)) {
            this.bytes = channel.map(FileChannel.MapMode.READ_ONLY, 0, channel.size());
        } catch (IOException e) {
            throw new IllegalArgumentException(file + " cannot be read", e);
        }
    }

    /** A blob or manifest that is made here. */
    Item(String repository, String type, byte[] bytes) {
        this.repository = repository;
        this.digest = "sha256:" + sha256(bytes);
        this.type = type;
        this.bytes = ByteBuffer.wrap(bytes);
    }

    static String sha256(byte[] bytes) {
        try {
            return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every Java has SHA-256", e);
        }
    }

    long size() {
        return bytes.capacity();
    }
}
