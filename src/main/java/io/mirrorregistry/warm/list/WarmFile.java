package io.mirrorregistry.warm.list;

import io.mirrorregistry.files.BoundedFile;
import io.mirrorregistry.files.Denied;
import io.mirrorregistry.files.Printable;
import io.mirrorregistry.files.YamlFile;
import java.io.IOException;
import java.nio.charset.CharacterCodingException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.snakeyaml.engine.v2.nodes.Node;

/** Reads the file of {@code mirror.warm.file} once. */
public final class WarmFile {

    private static final String IMAGE = "an image";
    private static final Set<String> ENTRY_KEYS = Set.of("name", "tags", "newest", "platforms", "every");
    private static final int MOST_ENTRIES = 1000;
    /** Each tag of a repository is compared with all of them. */
    private static final int MOST_TAGS = 200;
    private static final Pattern NUMBER = Pattern.compile("[0-9]{1,9}");
    private static final Pattern TIME = Pattern.compile("([0-9]{1,9})([smhd])");
    private static final Map<String, Duration> UNITS = Map.of("s", Duration.ofSeconds(1), "m", Duration.ofMinutes(1), "h", Duration.ofHours(1), "d", Duration.ofDays(1));
    private static final Duration SHORTEST = Duration.ofMinutes(1);
    private static final Duration LONGEST = Duration.ofDays(30);

    private final List<Entry> entries = new ArrayList<>();
    private final List<String> faults = new ArrayList<>();
    private final List<String> warnings = new ArrayList<>();
    /** The line of each entry by its name and tags. */
    private final Map<List<Object>, Integer> lines = new HashMap<>();
    private final YamlFile yaml;

    /**
     * The lists of a file, or its faults.
     *
     * @param list null if there are faults
     * @param faults a sentence each, with file, line and column
     * @param warnings keys without effect and probable mistakes, a sentence each
     */
    record Result(WarmList list, List<String> faults, List<String> warnings) {
    }

    private WarmFile(String name, String text) {
        yaml = new YamlFile(name, text, faults, List.of("*"));
    }

    /** Finds all faults of the file, and its keys without effect. */
    public static void check(Path file, List<String> faults, List<String> warnings) {
        Result read = read(file);
        faults.addAll(read.faults());
        warnings.addAll(read.warnings());
    }

    static Result read(Path file) {
        try {
            return read(file.toString(), BoundedFile.readText(file));
        } catch (CharacterCodingException e) {
            return new Result(null, List.of(file + ": it is not UTF-8"), List.of());
        } catch (IOException e) {
            return new Result(null, List.of(file + ": " + Denied.reason(file, e)), List.of());
        }
    }

    /** @param name how faults name the file */
    static Result read(String name, String text) {
        return new WarmFile(name, text).read(name);
    }

    private Result read(String name) {
        Node root = yaml.root();
        Map<String, Node> keys = root == null ? Map.of() : yaml.map(root, "the file", Set.of("images"));
        if (keys.containsKey("images")) {
            List<Node> list = yaml.list(keys.get("images"), "images");
            if (list.size() > MOST_ENTRIES) {
                yaml.fault(list.get(MOST_ENTRIES), "there are more than " + MOST_ENTRIES + " images");
            }
            list.stream().limit(MOST_ENTRIES).forEach(this::readEntry);
            if (faults.isEmpty() && entries.isEmpty()) {
                warnings.add(yaml.place(keys.get("images")) + ": the list is empty, so nothing is copied by list");
            }
        } else if (faults.isEmpty()) {
            // An empty file is more often half written than meant to end all lists.
            faults.add(name + ": it has no key images; write images: [] for no images");
        }
        return new Result(faults.isEmpty() ? new WarmList(entries) : null, List.copyOf(faults), List.copyOf(warnings));
    }

    private void readEntry(Node node) {
        int before = faults.size();
        Map<String, Node> keys = yaml.map(node, IMAGE, ENTRY_KEYS);
        String name = yaml.required(node, keys, IMAGE, "name");
        if (name != null && ImageName.fault(name) != null) {
            yaml.fault(keys.get("name"), ImageName.fault(name));
        }
        List<TagPattern> tags = tags(node, keys);
        int newest = keys.containsKey("newest") ? newest(keys.get("newest")) : 0;
        List<String> platforms = keys.containsKey("platforms") ? platforms(keys.get("platforms")) : List.of();
        Duration every = keys.containsKey("every") ? every(keys.get("every")) : Entry.EVERY;
        if (faults.size() == before) {
            add(node, keys, new Entry(name, tags, newest, platforms, every));
        }
    }

    private void add(Node node, Map<String, Node> keys, Entry entry) {
        Integer same = lines.putIfAbsent(List.of(entry.name(), new TreeSet<>(entry.tags().stream().map(TagPattern::text).toList())), YamlFile.line(node));
        if (same != null) {
            yaml.fault(node, entry.name() + " with the same tags is in the file already, in line " + same);
        }
        if (entry.newest() > 0 && !entry.hasGlob()) {
            warnings.add(yaml.place(keys.get("newest")) + ": newest has no effect, because none of the tags has a wildcard");
        }
        entries.add(entry);
    }

    private List<TagPattern> tags(Node map, Map<String, Node> keys) {
        List<TagPattern> tags = new ArrayList<>();
        if (!keys.containsKey("tags")) {
            yaml.missing(map, "an image has the key tags, such as [\"1.27\", \"stable-*\"]");
            return tags;
        }
        Node list = keys.get("tags");
        if (YamlFile.isEmptyList(list)) {
            yaml.fault(list, "tags names at least one tag; \"*\" stands for all");
        }
        yaml.texts(list, "a tag").forEach((text, at) -> {
            String fault = TagPattern.fault(text);
            if (fault != null) {
                yaml.fault(at, fault);
            } else if (tags.size() == MOST_TAGS) {
                yaml.fault(at, "an image has at most " + MOST_TAGS + " tags and globs here");
            }
            TagPattern pattern = new TagPattern(text);
            if (pattern.isGlob() && text.startsWith("sha256-")) {
                warnings.add(yaml.place(at) + ": " + text + " fits no signatures and attestations: they are copied along with their images");
            }
            tags.add(pattern);
        });
        return tags;
    }

    private int newest(Node node) {
        String text = yaml.text(node, "newest");
        int count = text != null && NUMBER.matcher(text).matches() ? Integer.parseInt(text) : 0;
        if (text != null && (count < 1 || count > TagChoice.MOST)) {
            yaml.fault(node, "newest is a number from 1 to " + TagChoice.MOST);
        }
        return count;
    }

    private List<String> platforms(Node node) {
        Map<String, Node> platforms = yaml.texts(node, "a platform");
        platforms.forEach((text, at) -> {
            String fault = Platform.fault(text);
            String doubt = fault == null ? Platform.doubt(text) : null;
            if (fault != null) {
                yaml.fault(at, fault);
            } else if (doubt != null) {
                warnings.add(yaml.place(at) + ": " + doubt);
            }
        });
        return List.copyOf(platforms.keySet());
    }

    private Duration every(Node node) {
        String text = yaml.text(node, "every");
        Matcher time = TIME.matcher(text == null ? "" : text);
        Duration every = time.matches() ? UNITS.get(time.group(2)).multipliedBy(Long.parseLong(time.group(1))) : Duration.ZERO;
        if (text != null && (every.compareTo(SHORTEST) < 0 || every.compareTo(LONGEST) > 0)) {
            yaml.fault(node, "every is a time from 1m to 30d, such as 30m, 6h or 1d" + (time.matches() ? "" : ": " + Printable.of(text) + " is none"));
        }
        return every;
    }
}
