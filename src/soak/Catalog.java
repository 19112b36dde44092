package soak;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * Everything there is to pull. Its lines are {@code manifest REPOSITORY DIGEST TYPE FILE REGISTRIES},
 * {@code blob REPOSITORY DIGEST FILE REGISTRIES}, {@code tag REPOSITORY TAG DIGEST REGISTRIES} and
 * {@code without REPOSITORY DIGEST REGISTRY}; registries have commas between them.
 */
final class Catalog {

    private final Map<String, Item> manifestsByName = new LinkedHashMap<>();
    private final Map<String, Item> blobsByName = new LinkedHashMap<>();
    private final Map<String, Tag> tagsByName = new LinkedHashMap<>();
    final List<Item> manifests;
    final List<Item> blobs;
    final List<Tag> tags;
    final List<String> repositories;

    Catalog(Path file, Map<String, Registry> registries) throws IOException {
        for (String line : Files.readAllLines(file)) {
            String[] word = line.split(" ");
            String name = word[1] + "@" + word[2];
            Set<Registry> holders = Stream.of(word[word.length - 1].split(",")).map(registries::get)
                    .collect(Collectors.toCollection(TreeSet::new));
            switch (word[0]) {
                case "manifest" -> manifestsByName.computeIfAbsent(name, key -> new Item(word[1], word[2], word[3], Path.of(word[4])))
                        .holders.addAll(holders);
                case "blob" -> blobsByName.computeIfAbsent(name, key -> new Item(word[1], word[2], null, Path.of(word[3])))
                        .holders.addAll(holders);
                case "tag" -> {
                    Tag tag = tagsByName.computeIfAbsent(name, key -> new Tag(word[1], word[2], new TreeMap<>()));
                    holders.forEach(holder -> tag.items().put(holder, manifestsByName.get(word[1] + "@" + word[3])));
                }
                case "without" -> blobsByName.get(name).holders.removeAll(holders);
                default -> throw new IllegalArgumentException("not a line of a catalog: " + line);
            }
        }
        manifests = List.copyOf(manifestsByName.values());
        blobs = List.copyOf(blobsByName.values());
        tags = List.copyOf(tagsByName.values());
        repositories = tags.stream().map(Tag::repository).distinct().toList();
    }

    /** Returns the tags of a repository, with the registries that have each of them. */
    Map<String, Set<Registry>> tagsOf(String repository) {
        Map<String, Set<Registry>> all = new TreeMap<>();
        tags.stream().filter(tag -> tag.repository().equals(repository)).forEach(tag -> all.put(tag.name(), tag.items().keySet()));
        return all;
    }
}
