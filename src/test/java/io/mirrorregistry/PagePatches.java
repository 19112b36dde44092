package io.mirrorregistry;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.function.BooleanSupplier;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * A page of docs/ with code blocks and patches, for the tests of its examples.
 *
 * @param page the page
 * @param names a regular expression for the names of its patches in docs/examples
 */
record PagePatches(Path page, String names) {

    static final Path EXAMPLES = Path.of("docs/examples");
    private static final int MOST_LINES = 10;

    /** Returns the page. */
    String text() {
        try {
            return Files.readString(page);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Returns the first code block of a language that follows a text of the page, without the indentation of a list. */
    String block(String after, String language) {
        Matcher block = Pattern.compile(Pattern.quote(after) + ".*?\n( *)```" + language + "\n(.*?)\n *```", Pattern.DOTALL).matcher(text());
        assertTrue(block.find(), after);
        return block.group(2).lines().map(line -> line.replaceFirst("^" + block.group(1), "")).collect(Collectors.joining("\n", "", "\n"));
    }

    /** Returns the patches of the page, by name. */
    List<Path> patches() throws IOException {
        try (Stream<Path> files = Files.list(EXAMPLES)) {
            return files.filter(file -> file.getFileName().toString().matches(names)).sorted().toList();
        }
    }

    /** Requires that the page shows each of its patches, says how to apply it, and shows no other. */
    void requireShown(int count) throws IOException {
        assertEquals(count, patches().size());
        for (Path patch : patches()) {
            assertTrue(text().contains("```diff\n" + Files.readString(patch) + "```"), () -> page + " shows another text than " + patch);
            assertTrue(text().contains("`patch -p1 < " + patch + "`"), () -> page + " does not say how to apply " + patch);
        }
        assertEquals(count, Pattern.compile("```diff").matcher(text()).results().count());
    }

    /** Requires that a patch changes one file only, and adds from one to ten lines to it. */
    static void requireShort(Path patch, String file) throws IOException {
        List<String> lines = Files.readAllLines(patch);
        assertEquals(List.of("+++ b/" + file), lines.stream().filter(line -> line.startsWith("+++")).toList());
        long added = lines.stream().filter(line -> line.startsWith("+") && !line.startsWith("+++")).count();
        assertTrue(added > 0 && added <= MOST_LINES, patch + " adds " + added + " lines");
    }

    /** Applies a patch of docs/examples in a directory, as the page says. */
    static void apply(Path directory, String name) throws IOException, InterruptedException {
        Process patch = new ProcessBuilder("patch", "-p1", "--fuzz=0").directory(directory.toFile())
                .redirectInput(EXAMPLES.resolve(name).toAbsolutePath().toFile()).redirectErrorStream(true).start();
        String output = new String(patch.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertEquals(0, patch.waitFor(), output);
    }

    /** Waits until a condition holds, at most half a minute. */
    static void await(BooleanSupplier condition) throws InterruptedException {
        for (int i = 0; i < 1500 && !condition.getAsBoolean(); i++) {
            Thread.sleep(20);
        }
        assertTrue(condition.getAsBoolean());
    }
}
