package io.mirrorregistry.warm.list;

import io.mirrorregistry.protocol.Tag;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/**
 * Chooses the tags of an {@link Entry}: those that it names, and those that fit its globs among all tags of its repository. These are added one by one, so
 * that a list of any length needs little memory.
 *
 * <p>Newer is the tag with the higher version: the first number in it with the numbers that periods join to it, number by number (1.10 before 1.9), where of
 * equal versions a release is newer than its pre-releases (1.9 before 1.9-rc1), and dates such as 20240131 count as versions. Tags without a number
 * (latest) and hashes of commits are the oldest, by name.
 *
 * <p>For one thread at a time.
 */
public final class TagChoice {

    /** Maximum tags of an entry that globs choose. */
    public static final int MOST = 1000;

    /** The tags of cosign's signatures, and of lists of referrers: they are copied with their image. */
    private static final Pattern OF_DIGEST = Pattern.compile("sha(256|512)-[0-9a-f]{64}([.-].*)?");

    private final Entry entry;
    private final int most;
    private final Set<String> names;
    private final List<TagPattern> globs;
    private final TreeSet<TagVersion> newest = new TreeSet<>();
    private boolean tooMany;

    public TagChoice(Entry entry) {
        this.entry = entry;
        this.most = entry.newest() == 0 ? MOST : Math.min(entry.newest(), MOST);
        this.names = entry.tags().stream().filter(pattern -> !pattern.isGlob()).map(TagPattern::text).collect(Collectors.toCollection(LinkedHashSet::new));
        this.globs = entry.tags().stream().filter(TagPattern::isGlob).toList();
    }

    /** Adds a tag of the repository. Ignores a text outside the grammar of tags. */
    public void add(String tag) {
        if (!Tag.isValid(tag) || names.contains(tag)) {
            return;
        }
        if (globs.stream().anyMatch(glob -> glob.fits(tag)) && !OF_DIGEST.matcher(tag).matches() && newest.add(new TagVersion(tag)) && newest.size() > most) {
            newest.pollFirst();
            tooMany = true;
        }
    }

    /**
     * Returns the chosen tags: first those that the entry names, in its order, also those that were not added; then those that fit globs, the newest first.
     * A tag that the entry names is no part of {@code newest}.
     */
    public List<Tag> chosen() {
        List<Tag> chosen = new ArrayList<>(names.size() + newest.size());
        names.forEach(name -> chosen.add(new Tag(name)));
        newest.descendingSet().forEach(version -> chosen.add(new Tag(version.tag())));
        return chosen;
    }

    /** Returns a sentence if more tags fit than are copied, or if none fits the globs. */
    public Optional<String> warning() {
        if (tooMany && entry.newest() == 0) {
            return Optional.of(entry.name() + " has more than " + MOST + " tags that fit " + globs + ": only the newest " + MOST
                    + " are copied; set newest, or narrow the tags down");
        }
        return globs.isEmpty() || !newest.isEmpty() ? Optional.empty() : Optional.of(entry.name() + " has no tag that fits " + globs);
    }
}
