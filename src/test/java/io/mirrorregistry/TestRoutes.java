package io.mirrorregistry;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

/** The routes of this repository, where a test may edit them. */
final class TestRoutes {

    private TestRoutes() {
    }

    /** Makes a folder {@code routes} in a directory; returns it. */
    static Path copyTo(Path directory) throws IOException {
        Path copy = Files.createDirectories(directory.resolve("routes"));
        try (Stream<Path> files = Files.list(Path.of("routes"))) {
            List<Path> all = files.toList();
            for (Path file : all) {
                Files.copy(file, copy.resolve(file.getFileName()));
            }
        }
        return copy;
    }
}
