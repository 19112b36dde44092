package io.mirrorregistry;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.snakeyaml.engine.v2.api.Load;
import org.snakeyaml.engine.v2.api.LoadSettings;

/** The files of routes as operators read them. */
class RouteFilesTest {

    private static List<Path> files() throws IOException {
        try (Stream<Path> files = Files.list(Path.of("routes"))) {
            return files.filter(file -> file.toString().endsWith(".camel.yaml")).sorted().toList();
        }
    }

    @ParameterizedTest
    @MethodSource("files")
    void namesNoJavaPackage(Path file) throws IOException {
        assertFalse(Files.readString(file).matches("(?s).*\\b(io\\.mirrorregistry|java|org)\\.[a-z].*"), file.toString());
    }

    @Test
    @SuppressWarnings("unchecked")
    void everyRouteTellsItsPurposeAndIsNamedInKebabCase() throws IOException {
        Set<String> ids = new HashSet<>();
        for (Path file : files()) {
            Load yaml = new Load(LoadSettings.builder().build());
            for (Map<String, Map<String, Object>> item : (List<Map<String, Map<String, Object>>>) yaml.loadFromString(Files.readString(file))) {
                item.forEach((kind, route) -> {
                    assertTrue(route.get("description") instanceof String text && text.length() > 20, file + ": " + route.get("id"));
                    if (!kind.equals("routeConfiguration")) {
                        String id = String.valueOf(route.get("id"));
                        assertTrue(id.matches("[a-z]+(-[a-z]+)*"), id);
                        assertTrue(ids.add(id), id);
                    }
                });
            }
        }
        assertEquals(23, ids.size(), ids.toString());
    }
}
