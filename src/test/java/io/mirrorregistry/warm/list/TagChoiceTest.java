package io.mirrorregistry.warm.list;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.mirrorregistry.protocol.Tag;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class TagChoiceTest {

    private static TagChoice choice(int newest, List<String> tags, String... patterns) {
        TagChoice choice = new TagChoice(new Entry("library/nginx", List.of(patterns).stream().map(TagPattern::new).toList(), newest, List.of(), Entry.EVERY));
        tags.forEach(choice::add);
        return choice;
    }

    private static List<String> chosen(int newest, List<String> tags, String... patterns) {
        return choice(newest, tags, patterns).chosen().stream().map(Tag::value).toList();
    }

    /** Each line from the newest to the oldest. */
    @ParameterizedTest
    @ValueSource(strings = {
        "1.10 1.9 1.9-rc1",
        "2.0.0 2.0.0-rc.10 2.0.0-rc.9 2.0.0-rc.1 2.0.0-beta.11 2.0.0-beta.2 2.0.0-beta 2.0.0-alpha.beta 2.0.0-alpha.1 2.0.0-alpha 1.99.99",
        "v1.10.0 1.9.9 v1.9.8",
        "1.9 v1.9",
        "1.27.0 1.27 1.26",
        "1.28.0 1.28.0-alpine3.20 1.28.0-alpine3.9 1.28.0-alpine 1.28.0-rc1-alpine 1.28.0-rc1 1.27.9",
        "1.0 1.0rc2 1.0rc1 1.0b2 1.0b1 1.0a1",
        "3.0.0 3.0.0-RC1 3.0.0-M2 3.0.0-M1",
        "1.1.1w 1.1.1k 1.1.1a 1.1.0",
        "20240131 20240130 20231231",
        "2024-02-01.120000 2024-01-31.235959 2024-01-31",
        "2024.1.10 2024.1.9",
        "stable-1.10 stable-1.9",
        "1.10-stable 1.9-stable",
        "1.29.1-k3s2 1.29.1-k3s1 1.29.1-rc2-k3s1",
        "18446744073709551617 18446744073709551616 9",
        "1.010 1.9",
        "2 1 0",
        "1.0 edge latest stable",
        "1.0 3f2a1b9 main-3f2a1b9 sha-0123456789abcdef0123456789abcdef01234567",
        "1.9-3f2a1b9 1.8-9f2a1b9",
        "12345678 1.0 a1b2c3d",
        "1.27 _"})
    void theNewestTagsComeFirst(String line) {
        List<String> order = List.of(line.split(" "));
        for (int seed = 0; seed < 5; seed++) {
            List<String> tags = new ArrayList<>(order);
            Collections.shuffle(tags, new Random(seed));
            assertEquals(order, chosen(0, tags, "*"));
            assertEquals(order.subList(0, 2), chosen(2, tags, "*"));
        }
    }

    @Test
    void tagsByNameComeFirstAndAreNotCountedAsNewest() {
        List<String> tags = List.of("1.25", "1.26", "1.27", "1.28", "latest", "1.27-alpine");
        assertEquals(List.of("latest", "1.25", "1.28", "1.27"), chosen(2, tags, "latest", "1.2?", "1.25"));
        assertEquals(List.of("1.27", "1.28", "1.26"), chosen(2, tags, "1.27", "1.27", "1.2?"));
        assertEquals(List.of("1.27-alpine"), chosen(0, tags, "*-alpine"));
        assertEquals(List.of(), chosen(0, tags, "3.*"));
    }

    /** Another source may have it. */
    @Test
    void aTagByNameIsChosenAlsoIfTheRepositoryDoesNotHaveIt() {
        assertEquals(List.of("1.28", "1.27", "latest", "2.1"), chosen(0, List.of("1.27", "2.1"), "1.28", "1.27", "2.*", "latest"));
    }

    @Test
    void saysThatNoTagFits() {
        assertEquals(Optional.of("library/nginx has no tag that fits [2.*]"), choice(0, List.of("1.27"), "1.28", "1.27", "2.*", "latest").warning());
        assertEquals(Optional.empty(), choice(0, List.of(), "1.27").warning());
    }

    /** They are copied with their images; as tags they would be the newest of all. */
    @Test
    void globsFitNoTagsOfSignatures() {
        String digest = "sha256-" + "0123456789abcdef".repeat(4);
        List<String> tags = List.of(digest, digest + ".sig", digest + ".att", digest + ".sbom", "sha256-ab", "1.0");
        assertEquals(List.of("sha256-ab", "1.0"), chosen(0, tags, "*"));
        assertEquals(List.of(digest + ".sig"), chosen(0, tags, digest + ".sig"));
    }

    @Test
    void atMostAThousandTagsAreChosen() {
        List<String> tags = new ArrayList<>(IntStream.range(0, 1000).mapToObj(i -> "1." + i).toList());
        assertEquals(Optional.empty(), choice(0, tags, "*").warning());
        tags.add("1.1000");
        tags.addAll(List.copyOf(tags));
        TagChoice choice = choice(0, tags, "*", "1.0");
        assertEquals(1001, choice.chosen().size());
        assertEquals(Optional.empty(), choice.warning());
        choice = choice(0, tags, "*");
        assertEquals(1000, choice.chosen().size());
        assertEquals("1.1000", choice.chosen().get(0).value());
        assertEquals("1.1", choice.chosen().get(999).value());
        assertEquals(Optional.of("library/nginx has more than 1000 tags that fit [*]: only the newest 1000 are copied; set newest, or narrow the tags down"), choice.warning());
        assertEquals(Optional.empty(), choice(5, tags, "*").warning());
    }

    @Test
    void textsThatAreNoTagsAreIgnored() {
        assertEquals(List.of("a"), chosen(0, List.of("", "a", "-b", "a b", "\u0000", "x".repeat(129), "ü"), "*"));
    }

    @ParameterizedTest
    @ValueSource(strings = {"*", "?", "a*b*c", "*1.2*", "1.??-*", "abc", "***a***"})
    void aGlobFitsItself(String glob) {
        assertTrue(new TagPattern(glob).fits(glob.replace("***", "").replace("*", "x").replace('?', 'y')));
    }

    /** A pattern with many wildcards on a long tag would take a regular expression years. */
    @Test
    @Timeout(30)
    void manyTagsAndEvilGlobsAreChosenFast() {
        List<String> tags = IntStream.range(0, 120_000).mapToObj(i -> (i % 2 == 0 ? "a".repeat(100) : "1." + i + "-rc") + i).toList();
        String evil = "*a".repeat(60) + "*b";
        assertEquals(3 + 3, chosen(3, tags, evil, "1.*", "x", "y", "z").size());
        assertEquals("1.119999-rc119999", chosen(3, tags, "1.*").get(0));
    }
}
