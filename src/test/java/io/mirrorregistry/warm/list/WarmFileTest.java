package io.mirrorregistry.warm.list;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class WarmFileTest {

    private static final String NAME_RULE = " is no name of an image: a name has at most 255 characters, in parts of lower-case letters and digits joined by single periods, "
            + "underscores, hyphens and slashes, such as library/nginx";
    private static final String TAG_RULE = " is no tag: a tag has at most 128 letters, digits, underscores, periods and hyphens, begins with none of the last two, "
            + "and * and ? stand for any characters and for one";
    private static final String PLATFORM_RULE = " is no platform: a platform is OS/ARCHITECTURE or OS/ARCHITECTURE/VARIANT in lower case, such as linux/amd64 or linux/arm/v7";

    private static WarmFile.Result read(String text) {
        return WarmFile.read("warm.yaml", text.replace("\\n", "\n").replace("\\t", "\t"));
    }

    private static List<Entry> entries(String text) {
        WarmFile.Result read = read(text);
        assertEquals(List.of(), read.faults());
        return read.list().entries();
    }

    private static List<TagPattern> patterns(String... texts) {
        return List.of(texts).stream().map(TagPattern::new).toList();
    }

    @Test
    void readsEntries() {
        List<Entry> entries = entries("""
                images:
                  - name: library/nginx
                    tags: ["1.27", "stable-*"]
                    newest: 5
                    platforms: [linux/amd64, linux/arm/v7]
                    every: 90m
                  - {name: "localhost:5000/app", tags: 1.10, every: 30d}
                  - {name: ghcr.io/org/app, tags: [latest, 1.*], platforms: [], every: 60s}
                  - {name: "[::1]:5000/a", tags: ["*"]}
                """);
        assertEquals(List.of(new Entry("library/nginx", patterns("1.27", "stable-*"), 5, List.of("linux/amd64", "linux/arm/v7"), Duration.ofMinutes(90)),
                new Entry("localhost:5000/app", patterns("1.10"), 0, List.of(), Duration.ofDays(30)),
                new Entry("ghcr.io/org/app", patterns("latest", "1.*"), 0, List.of(), Duration.ofMinutes(1)),
                new Entry("[::1]:5000/a", patterns("*"), 0, List.of(), Duration.ofHours(6))), entries);
        assertTrue(entries.get(0).hasGlob());
        assertFalse(entries.get(1).hasGlob());
    }

    @Test
    void theExampleIsSound() {
        List<String> faults = new ArrayList<>();
        List<String> warnings = new ArrayList<>();
        WarmFile.check(Path.of("docs/examples/warm.yaml"), faults, warnings);
        assertEquals(List.of(), faults);
        assertEquals(List.of(), warnings);
        assertEquals(3, WarmFile.read(Path.of("docs/examples/warm.yaml")).list().entries().size());
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '~', value = {
        // The file.
        "images: {} | 1:9: images is a list",
        "images: [x] | 1:10: an image is a map of keys and values",
        "image: [] | 1:1: image is no key of the file; did you mean images?",
        "- x | 1:1: the file is a map of keys and values",
        "images: | 1:1: images has no value; give it one, or remove the line",
        "images: [ | 1:10: it is not YAML: expected the node content, but found '<stream end>'",
        "images: []\\nimages: [] | 2:1: it is not YAML: found duplicate key images",
        "images:\\n\\t- x | 2:1: it is not YAML: found character '\\t(TAB)' that cannot start any token. (Do not use \\t(TAB) for indentation); YAML indents with blanks, not with tabs",
        "images:\\n  - name: x\\n    tags: [*-alpine] | 3:12: it is not YAML: found undefined alias -alpine; a pattern with * has to be in quotes",
        "images: [{name: !!int x, tags: a}] | 1:17: the value is none of the type tag:yaml.org,2002:int; leave out the type",
        // Keys.
        "images: [{}] | 1:10: an image has the key name // 1:10: an image has the key tags, such as [\"1.27\", \"stable-*\"]",
        "images: [{tags: a}] | 1:10: an image has the key name",
        "images: [{name: a}] | 1:10: an image has the key tags, such as [\"1.27\", \"stable-*\"]",
        "images: [{name: a, tags: a, platform: [linux/amd64]}] | 1:29: platform is no key of an image; did you mean platforms?",
        "images: [{name: a, tags: a, newset: 5}] | 1:29: newset is no key of an image; did you mean newest?",
        "images: [{name: a, tags: a, newest: }] | 1:29: newest has no value; give it one, or remove the line",
        "images: [{name: [a], tags: a}] | 1:17: name is a text",
        "images: [{name: '', tags: a}] | 1:17: name is empty",
        // Names.
        "images: [{name: 'library/nginx:1.27', tags: a}] | 1:17: library/nginx:1.27 has a tag: write name: library/nginx and tags: [\"1.27\"]",
        "images: [{name: 'nginx:1.27', tags: a}] | 1:17: nginx:1.27 has a tag: write name: nginx and tags: [\"1.27\"]",
        "images: [{name: 'localhost:5000/app:2', tags: a}] | 1:17: localhost:5000/app:2 has a tag: write name: localhost:5000/app and tags: [\"2\"]",
        "images: [{name: 'a@sha256:0', tags: a}] | 1:17: a@sha256:0 has a digest: a list has tags only; copy a digest by the command warm",
        "images: [{name: 'https://ghcr.io/app', tags: a}] | 1:17: https://ghcr.io/app is no name of an image: write it without https://",
        "images: [{name: Library/Nginx, tags: a}] | 1:17: Library/Nginx is no name of an image: names are in lower case",
        "images: [{name: a//b, tags: a}] | 1:17: a//b{NAME}",
        "images: [{name: 'host:99999/b', tags: a}] | 1:17: host:99999/b{NAME}",
        "images: [{name: 'a b', tags: a}] | 1:17: a b{NAME}",
        // Tags.
        "images: [{name: a, tags: []}] | 1:26: tags names at least one tag; \"*\" stands for all",
        "images: [{name: a, tags: {a: b}}] | 1:26: a tag is a text",
        "images: [{name: a, tags: ['']}] | 1:27: a tag is empty",
        "images: [{name: a, tags: [a, -b, 'c d']}] | 1:30: -b{TAG} // 1:34: c d{TAG}",
        "images: [{name: a, tags: '.*'}] | 1:26: .*{TAG}",
        "images: [{name: a, tags: '-?'}] | 1:26: -?{TAG}",
        "images: [{name: a, tags: '1.27/*'}] | 1:26: 1.27/*{TAG}",
        "images: [{name: a, tags: '^1[.]2$'}] | 1:26: ^1[.]2${TAG}",
        "images: [{name: a, tags: 'a:1'}] | 1:26: a:1 is no tag: write only what follows the colon",
        "images: [{name: a, tags: 'sha256:00'}] | 1:26: sha256:00 is a digest, not a tag: a list has tags only; copy a digest by the command warm",
        // The rest.
        "images: [{name: a, tags: a, newest: 0}] | 1:37: newest is a number from 1 to 1000",
        "images: [{name: a, tags: a, newest: 1001}] | 1:37: newest is a number from 1 to 1000",
        "images: [{name: a, tags: a, newest: -1}] | 1:37: newest is a number from 1 to 1000",
        "images: [{name: a, tags: a, newest: 99999999999999999999}] | 1:37: newest is a number from 1 to 1000",
        "images: [{name: a, tags: a, newest: all}] | 1:37: newest is a number from 1 to 1000",
        "images: [{name: a, tags: a, newest: [5]}] | 1:37: newest is a text",
        "images: [{name: a, tags: a, platforms: amd64}] | 1:40: amd64{PLATFORM}",
        "images: [{name: a, tags: a, platforms: [linux/AMD64]}] | 1:41: linux/AMD64{PLATFORM}",
        "images: [{name: a, tags: a, platforms: [linux/arm/v7/x]}] | 1:41: linux/arm/v7/x{PLATFORM}",
        "images: [{name: a, tags: a, platforms: [linux/x86_64]}] | 1:41: linux/x86_64 is no platform: images say linux/amd64",
        "images: [{name: a, tags: a, platforms: [linux/armv7]}] | 1:41: linux/armv7 is no platform: images say linux/arm/v7",
        "images: [{name: a, tags: a, every: 59s}] | 1:36: every is a time from 1m to 30d, such as 30m, 6h or 1d",
        "images: [{name: a, tags: a, every: 31d}] | 1:36: every is a time from 1m to 30d, such as 30m, 6h or 1d",
        "images: [{name: a, tags: a, every: 721h}] | 1:36: every is a time from 1m to 30d, such as 30m, 6h or 1d",
        "images: [{name: a, tags: a, every: 6}] | 1:36: every is a time from 1m to 30d, such as 30m, 6h or 1d: 6 is none",
        "images: [{name: a, tags: a, every: 1w}] | 1:36: every is a time from 1m to 30d, such as 30m, 6h or 1d: 1w is none",
        "images: [{name: a, tags: a, every: 6 h}] | 1:36: every is a time from 1m to 30d, such as 30m, 6h or 1d: 6 h is none",
        "images: [{name: a, tags: a, every: 99999999999h}] | 1:36: every is a time from 1m to 30d, such as 30m, 6h or 1d: 99999999999h is none",
        // Entries that are there twice.
        "images:\\n- {name: a, tags: [b, c]}\\n- {name: a, tags: [c, b], every: 1h} | 3:3: a with the same tags is in the file already, in line 2"})
    void aFaultHasItsPlaceAndSaysWhatIsRight(String text, String faults) {
        WarmFile.Result read = read(text);
        assertNull(read.list());
        assertEquals(faults.replace("{NAME}", NAME_RULE).replace("{TAG}", TAG_RULE).replace("{PLATFORM}", PLATFORM_RULE),
                read.faults().stream().map(fault -> fault.replaceFirst("^warm.yaml:", "")).collect(Collectors.joining(" // ")));
        assertTrue(read.faults().stream().allMatch(fault -> fault.startsWith("warm.yaml:")), read.faults().toString());
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "\n", "# nothing\n", "---\n", "{}"})
    void aFileWithoutImagesIsRefused(String text) {
        assertEquals(List.of("warm.yaml: it has no key images; write images: [] for no images"), read(text).faults());
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '~', value = {
        "images: [] | 1:9: the list is empty, so nothing is copied by list",
        "images: [{name: a, tags: b, newest: 5}] | 1:37: newest has no effect, because none of the tags has a wildcard",
        "images: [{name: a, tags: 'sha256-*'}] | 1:26: sha256-* fits no signatures and attestations: they are copied along with their images",
        "images: [{name: a, tags: b, platforms: linux/amd46}] | 1:40: linux/amd46: no image is known for the architecture amd46; did you mean amd64?",
        "images: [{name: a, tags: b, platforms: linus/amd64}] | 1:40: linus/amd64: no image is known for the system linus; did you mean linux?"})
    void warnsOfWhatHasNoEffect(String text, String warning) {
        WarmFile.Result read = read(text);
        assertEquals(List.of(), read.faults());
        assertEquals(List.of("warm.yaml:" + warning), read.warnings());
    }

    @Test
    void entriesOfOneImageMayDifferInTheirTags() {
        assertEquals(3, entries("images:\n- {name: a, tags: b}\n- {name: a, tags: [b, c]}\n- {name: b, tags: b}\n").size());
    }

    @Test
    void namesTagsAndListsHaveBounds() {
        assertEquals(1, entries("images: [{name: " + "a".repeat(255) + ", tags: ['" + "b".repeat(128) + "', '" + "c".repeat(127) + "*']}]").size());
        assertEquals(1, read("images: [{name: " + "a".repeat(256) + ", tags: b}]").faults().size());
        assertEquals(2, read("images: [{name: a, tags: ['" + "b".repeat(129) + "', '" + "c".repeat(128) + "*']}]").faults().size());
        String tags = IntStream.range(0, 200).mapToObj(i -> "t" + i).collect(Collectors.joining(", "));
        assertEquals(200, entries("images: [{name: a, tags: [" + tags + "]}]").get(0).tags().size());
        assertEquals(List.of("warm.yaml:1:" + (29 + tags.length()) + ": an image has at most 200 tags and globs here"), read("images: [{name: a, tags: [" + tags + ", x]}]").faults());
        String images = IntStream.range(0, 1000).mapToObj(i -> "- {name: i" + i + ", tags: a}\n").collect(Collectors.joining());
        assertEquals(1000, entries("images:\n" + images).size());
        assertEquals(List.of("warm.yaml:1002:3: there are more than 1000 images"), read("images:\n" + images + "- {name: x, tags: a}\n").faults());
    }

    @Test
    void aTextThatStandsForMillionsOfValuesIsRefused() {
        StringBuilder bomb = new StringBuilder("a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
        for (int i = 1; i < 9; i++) {
            bomb.append("a" + i + ": &a" + i + " [" + String.join(", ", Collections.nCopies(9, "*a" + (i - 1))) + "]\n");
        }
        assertEquals(List.of("warm.yaml:3:15: it has more than 10 aliases"), read(bomb.toString()).faults());
        assertEquals(List.of("warm.yaml:1:21: it is nested more than 20 levels deep"), read("[".repeat(100) + "]".repeat(100)).faults());
    }

    @Test
    void filesThatCannotBeReadAreAFault(@TempDir Path folder) throws Exception {
        Path file = folder.resolve("warm.yaml");
        assertEquals(List.of(file + ": there is no such file"), WarmFile.read(file).faults());
        Files.write(file, new byte[] {(byte) 0xff});
        assertEquals(List.of(file + ": it is not UTF-8"), WarmFile.read(file).faults());
        Files.write(file, "#".repeat(1024 * 1024 + 1).getBytes(StandardCharsets.UTF_8));
        assertEquals(List.of(file + ": it is longer than 1048576 bytes"), WarmFile.read(file).faults());
        assertEquals(List.of(folder + ": Is a directory"), WarmFile.read(folder).faults());
    }

    @Test
    void theIdOfAnEntryIsStable() {
        Entry entry = new Entry("library/nginx", patterns("1.27", "stable-*"), 5, List.of("linux/amd64", "linux/arm64"), Duration.ofHours(1));
        // In databases: it must not change.
        assertEquals("library/nginx#7d7680e564d96fe9fae0f97f5b805c2c", entry.id());
        assertEquals(entry.id(), new Entry("library/nginx", patterns("stable-*", "1.27"), 5, List.of("linux/arm64", "linux/amd64"), Duration.ofHours(2)).id());
        List<Entry> others = List.of(entry, new Entry("library/nginy", entry.tags(), 5, entry.platforms(), entry.every()),
                new Entry(entry.name(), patterns("1.27"), 5, entry.platforms(), entry.every()), new Entry(entry.name(), entry.tags(), 4, entry.platforms(), entry.every()),
                new Entry(entry.name(), entry.tags(), 5, List.of("linux/amd64"), entry.every()));
        assertEquals(others.size(), others.stream().map(Entry::id).distinct().count());
        Entry longest = new Entry("localhost:5000/" + "a".repeat(255), patterns("1"), 0, List.of(), Entry.EVERY);
        assertEquals(133, longest.id().length());
    }
}
