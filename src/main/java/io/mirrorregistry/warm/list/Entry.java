package io.mirrorregistry.warm.list;

import io.mirrorregistry.protocol.Digest;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.stream.Collectors;

/**
 * A repository of which tags are copied.
 *
 * @param name as a client would pull it, without a tag, such as {@code library/nginx}, {@code ghcr.io/org/app} or {@code localhost:5000/app}
 * @param tags the tags and globs, at least one
 * @param newest of the tags that fit globs only so many are copied, the newest; 0 for all
 * @param platforms the platforms of an index that are copied, such as {@code linux/amd64}; empty for all
 * @param every how long after one reading of the tags the next one is due
 */
public record Entry(String name, List<TagPattern> tags, int newest, List<String> platforms, Duration every) {

    /** The time between two readings of an entry that sets none. */
    public static final Duration EVERY = Duration.ofHours(6);

    private static final int LONGEST_NAME_OF_ID = 100;
    private static final int HASH_DIGITS = 32;

    public Entry {
        tags = List.copyOf(tags);
        platforms = List.copyOf(platforms);
    }

    /** Returns whether the tags of the repository have to be listed: one of the tags is a glob. */
    public boolean hasGlob() {
        return tags.stream().anyMatch(TagPattern::isGlob);
    }

    /**
     * Returns a text that identifies the entry in the database, at most 133 characters: the beginning of the name, and a hash of name, tags, newest and
     * platforms. The order of tags and platforms has no effect on it.
     */
    public String id() {
        String all = String.join("\n", name, sorted(tags.stream().map(TagPattern::text).toList()), Integer.toString(newest), sorted(platforms));
        String hash = Digest.ofSha256(all.getBytes(StandardCharsets.UTF_8)).hex().substring(0, HASH_DIGITS);
        return (name.length() <= LONGEST_NAME_OF_ID ? name : name.substring(0, LONGEST_NAME_OF_ID)) + "#" + hash;
    }

    private static String sorted(List<String> texts) {
        return texts.stream().sorted().distinct().collect(Collectors.joining(" "));
    }

    @Override
    public String toString() {
        return name + tags;
    }
}
