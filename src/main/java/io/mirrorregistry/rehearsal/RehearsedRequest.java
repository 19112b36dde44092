package io.mirrorregistry.rehearsal;

import io.mirrorregistry.protocol.ApiPath;
import io.mirrorregistry.protocol.RepositoryName;
import io.mirrorregistry.protocol.Tag;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * One request of a rehearsal.
 *
 * @param kind what is asked for; null for {@code /health}
 * @param uri path and query; only the query of a request that goes on with an upload
 * @param push whether it is one of a push
 * @param manners how each registry responds
 */
record RehearsedRequest(ApiPath.Kind kind, String method, String uri, boolean push, Map<String, Manner> manners) {

    private static final String LONGEST_NAME = "a/" + "very-long-name.with_all--separators/".repeat(7).substring(0, 240) + "end";
    static final List<String> NAMES = List.of("app", "team/app", "team-a/app", "a.b_c__d-e/f/g/h", LONGEST_NAME);
    static final List<String> TAGS = List.of("latest", "1.0_x", "v".repeat(128));
    private static final int MOST_WORDS = 40;
    /** The last part of the path of an upload. */
    private static final Pattern UPLOAD = Pattern.compile("(/blobs/uploads/)[^?]+");
    private static final String HEAD = "HEAD";
    private static final List<Manner> TOGETHER = List.of(Manner.HAS, Manner.LACKS, Manner.FAILS, Manner.BREAKS, Manner.REFUSES, Manner.FORBIDS, Manner.REDIRECTS,
            Manner.HAS_FOR_TOKENS, Manner.BREAKS_OFF, Manner.THROTTLES, Manner.IS_OPEN);

    /** The sort of path: a manifest is asked for by its tag and by its digest. */
    private enum Path {
        MANIFEST_OF_TAG(ApiPath.Kind.MANIFEST), MANIFEST_OF_DIGEST(ApiPath.Kind.MANIFEST), BLOB(ApiPath.Kind.BLOB), TAGS(ApiPath.Kind.TAGS),
        REFERRERS(ApiPath.Kind.REFERRERS);

        private final ApiPath.Kind kind;

        Path(ApiPath.Kind kind) {
            this.kind = kind;
        }

        private String uri(String name, String tag) {
            String rest = switch (this) {
                case MANIFEST_OF_TAG -> "/manifests/" + tag;
                case MANIFEST_OF_DIGEST -> "/manifests/" + Scene.MANIFEST_DIGEST;
                case BLOB -> "/blobs/" + Scene.BLOB_DIGEST;
                case TAGS -> "/tags/list";
                case REFERRERS -> "/referrers/" + Scene.MANIFEST_DIGEST;
            };
            return "/v2/" + name + rest;
        }
    }

    /** Makes a request of a pull. */
    RehearsedRequest(ApiPath.Kind kind, boolean head, String uri, Map<String, Manner> manners) {
        this(kind, head ? HEAD : "GET", uri, false, manners);
    }

    boolean head() {
        return method.equals(HEAD);
    }

    /** Returns whether it goes on with the upload that was begun last. */
    boolean goesOn() {
        return uri.isEmpty() || uri.startsWith("?");
    }

    /** Returns the request for an upload that goes on at this path. */
    RehearsedRequest at(String upload) {
        return new RehearsedRequest(kind, method, upload + uri, push, manners);
    }

    /** Returns what the client sends as the body; empty for none. */
    byte[] body() {
        return switch (method) {
            case "PUT" -> kind == ApiPath.Kind.MANIFEST ? Scene.MANIFEST : Scene.BLOB;
            case "PATCH" -> Scene.BLOB;
            default -> new byte[0];
        };
    }

    /**
     * Returns the requests of pulls of a rehearsal, the most usual first.
     *
     * @param registries the names of all registries
     * @param namespaces the host names that registries serve
     * @param words names that conditions of the routes compare with
     */
    static List<RehearsedRequest> all(List<String> registries, Collection<String> namespaces, Collection<String> words) {
        List<RehearsedRequest> all = new ArrayList<>();
        Map<String, Manner> found = together(registries, Manner.HAS);
        for (boolean head : new boolean[] {false, true}) {
            all.add(new RehearsedRequest(ApiPath.Kind.API_VERSION, head, "/v2/", found));
            all.add(new RehearsedRequest(null, head, "/health", found));
        }
        int scene = 0;
        for (Map<String, Manner> manners : scenes(registries)) {
            // Memory must not answer for another scene.
            String name = "library/app" + (scene == 0 ? "" : "-" + scene);
            // The second time, memory may know the answer.
            for (int time = 0; time < (scene == 0 ? 2 : 1); time++) {
                for (Path path : Path.values()) {
                    all.add(new RehearsedRequest(path.kind, false, path.uri(name, "1.0"), manners));
                    all.add(new RehearsedRequest(path.kind, true, path.uri(name + "-head", "1.0"), manners));
                }
            }
            scene++;
        }
        for (String name : NAMES) {
            all.add(new RehearsedRequest(ApiPath.Kind.MANIFEST, false, Path.MANIFEST_OF_TAG.uri(name, "1.0"), found));
            all.add(new RehearsedRequest(ApiPath.Kind.BLOB, false, Path.BLOB.uri(name, "1.0"), found));
        }
        for (String tag : TAGS) {
            all.add(new RehearsedRequest(ApiPath.Kind.MANIFEST, false, Path.MANIFEST_OF_TAG.uri("library/tags", tag), found));
        }
        Set<String> hosts = new LinkedHashSet<>(List.of("docker.io"));
        hosts.addAll(namespaces);
        for (String host : hosts) {
            all.add(new RehearsedRequest(ApiPath.Kind.MANIFEST, false, Path.MANIFEST_OF_TAG.uri("library/served", "1.0") + "?ns=" + host, found));
            all.add(new RehearsedRequest(ApiPath.Kind.MANIFEST, false, Path.MANIFEST_OF_TAG.uri(host.replaceFirst(":.*", "") + "/library/served", "1.0"), found));
        }
        rehearsed(words).forEach(word -> addWord(all, word, found));
        return all;
    }

    /** Returns the words that are rehearsed. */
    static List<String> rehearsed(Collection<String> words) {
        return words.stream().limit(MOST_WORDS).toList();
    }

    /** Returns the repositories that a word may mean: the whole name, or its beginning. */
    static List<String> names(String word) {
        return Stream.of(word, word.endsWith("/") ? word + "app" : word + "/app").filter(RepositoryName::isValid).distinct().toList();
    }

    /** A word may be the whole name or its beginning, a tag, or a namespace. */
    private static void addWord(List<RehearsedRequest> all, String word, Map<String, Manner> found) {
        for (String name : names(word)) {
            all.add(new RehearsedRequest(ApiPath.Kind.MANIFEST, false, Path.MANIFEST_OF_TAG.uri(name, "1.0"), found));
            all.add(new RehearsedRequest(ApiPath.Kind.BLOB, false, Path.BLOB.uri(name, "1.0"), found));
        }
        if (Tag.isValid(word)) {
            all.add(new RehearsedRequest(ApiPath.Kind.MANIFEST, false, Path.MANIFEST_OF_TAG.uri("library/word", word), found));
        }
        if (word.contains(".") && !word.contains("/") && RepositoryName.isValid(word)) {
            all.add(new RehearsedRequest(ApiPath.Kind.MANIFEST, false, Path.MANIFEST_OF_TAG.uri("library/word", "1.0") + "?ns=" + word, found));
        }
    }

    private static List<Map<String, Manner>> scenes(List<String> registries) {
        List<Map<String, Manner>> scenes = new ArrayList<>();
        TOGETHER.forEach(manner -> scenes.add(together(registries, manner)));
        if (registries.size() > 1) {
            for (String registry : registries.subList(0, Math.min(3, registries.size()))) {
                for (Manner others : List.of(Manner.LACKS, Manner.FAILS)) {
                    Map<String, Manner> alone = new LinkedHashMap<>(together(registries, others));
                    alone.put(registry, Manner.HAS);
                    scenes.add(alone);
                }
            }
        }
        return scenes;
    }

    /** Returns the same manner for each registry. */
    static Map<String, Manner> together(List<String> registries, Manner manner) {
        Map<String, Manner> all = new LinkedHashMap<>();
        registries.forEach(registry -> all.put(registry, manner));
        return all;
    }

    /** Returns it in words: the request, and what the registries do. */
    @Override
    public String toString() {
        String request = method + " " + UPLOAD.matcher(uri).replaceFirst("$1…").replaceAll("(sha256:[0-9a-f]{12})[0-9a-f]+", "$1…");
        if (kind == null || kind == ApiPath.Kind.API_VERSION) {
            return request;
        }
        Map<Manner, List<String>> by = new LinkedHashMap<>();
        manners.forEach((registry, manner) -> by.computeIfAbsent(manner, some -> new ArrayList<>()).add(registry));
        return request + " while " + by.entrySet().stream().map(entry -> (by.size() == 1 && manners.size() > 1 ? "each registry" : String.join(" and ", entry.getValue())) + " "
                + entry.getKey().words()).collect(Collectors.joining(" and "));
    }
}
