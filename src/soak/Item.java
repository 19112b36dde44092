package soak;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
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

    long size() {
        return bytes.capacity();
    }
}
