package io.mirrorregistry;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.Reader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Properties;
import java.util.TreeSet;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The pages for people agree with the program, and read as they are meant to. */
class PagesTest {

    private static final Pattern LINK = Pattern.compile("\\]\\(([^)\\s]+)\\)");
    private static final Pattern NAME = Pattern.compile("`([^`]+)`");

    static Stream<Path> pages() throws IOException {
        List<Path> all = new ArrayList<>();
        for (String folder : List.of(".", "docs", "deploy", "images", "bench")) {
            try (Stream<Path> files = Files.list(Path.of(folder))) {
                all.addAll(files.map(Path::normalize).filter(file -> file.toString().endsWith(".md")).toList());
            }
        }
        return all.stream().sorted();
    }

    /** A table ends at the first line that is none of its rows; what follows an empty line is shown as text. */
    @ParameterizedTest
    @MethodSource("pages")
    void tablesAreWhole(Path page) throws IOException {
        List<String> lines = Files.readAllLines(page);
        boolean code = false;
        boolean inside = false;
        for (int i = 0; i < lines.size(); i++) {
            code ^= lines.get(i).strip().startsWith("```");
            boolean row = !code && lines.get(i).startsWith("|");
            if (row && !inside) {
                assertTrue(i + 1 < lines.size() && lines.get(i + 1).matches("\\|[-:| ]+"), page + ":" + (i + 1) + " is a row without a head: " + lines.get(i));
            }
            inside = row;
        }
    }

    @ParameterizedTest
    @MethodSource("pages")
    void linksLeadSomewhere(Path page) throws IOException {
        for (MatchResult link : LINK.matcher(Files.readString(page)).results().toList()) {
            String to = link.group(1);
            if (to.contains("://")) {
                continue;
            }
            String[] parts = to.split("#", 2);
            Path target = parts[0].isEmpty() ? page : page.resolveSibling(parts[0]).normalize();
            assertTrue(Files.exists(target), page + " leads to " + to);
            if (parts.length == 2) {
                assertTrue(Files.readAllLines(target).stream().filter(line -> line.startsWith("#")).map(PagesTest::anchor).anyMatch(parts[1]::equals),
                        page + " leads to " + to);
            }
        }
    }

    private static String anchor(String heading) {
        return heading.replaceFirst("^#+ ", "").toLowerCase().replaceAll("[^\\w -]", "").replace(' ', '-');
    }

    /** Each row names settings, the first in full and the others from their last dots on, and their defaults in the same order. */
    @Test
    void theReadmeTellsEverySettingAndItsDefault() throws IOException {
        Properties defaults = new Properties();
        try (Reader in = Files.newBufferedReader(Path.of("application.properties"))) {
            defaults.load(in);
        }
        TreeSet<String> told = new TreeSet<>();
        String readme = Files.readString(Path.of("README.md"));
        for (String line : readme.substring(readme.indexOf("| setting | default |"), readme.indexOf("A setting that cannot work")).lines().toList()) {
            String[] cells = line.split("\\|");
            List<String> names = cells.length < 3 ? List.of() : names(cells[1]);
            List<String> values = cells.length < 3 ? List.of() : names(cells[2]);
            for (int i = 0; i < names.size(); i++) {
                for (String setting : settings(names.get(0), names.get(i))) {
                    String expected = defaults.getProperty(setting);
                    assertTrue(expected != null || setting.contains(".headers."), setting + " is no setting");
                    if (expected == null) {
                        continue;
                    }
                    told.add(setting);
                    if (!expected.isEmpty()) {
                        assertEquals(expected, i < values.size() ? values.get(i) : "nothing", setting);
                    }
                }
            }
        }
        assertEquals(new TreeSet<>(defaults.stringPropertyNames().stream().filter(name -> name.startsWith("mirror.")).toList()), told);
    }

    private static List<String> names(String cell) {
        return NAME.matcher(cell).results().map(found -> found.group(1)).toList();
    }

    private static List<String> settings(String first, String name) {
        String end = name.startsWith("…") ? name.substring(1) : "";
        if (first.startsWith("…")) {
            return List.of("mirror.registry.hot" + end, "mirror.registry.cold" + end);
        }
        return List.of(end.isEmpty() ? name : first.substring(0, first.lastIndexOf('.')) + end);
    }
}
