package io.mirrorregistry.rehearsal;

import io.mirrorregistry.protocol.ApiPath;
import io.mirrorregistry.protocol.Tag;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** The requests of pushes of a rehearsal. */
final class RehearsedPushes {

    private static final List<Manner> MANNERS = List.of(Manner.HAS, Manner.FAILS, Manner.BREAKS, Manner.REFUSES, Manner.FORBIDS, Manner.DISLIKES, Manner.THROTTLES,
            Manner.LACKS, Manner.IS_OPEN);
    private static final String DIGEST = "?digest=" + Scene.BLOB_DIGEST.value().replace(":", "%3A");

    private final List<RehearsedRequest> all = new ArrayList<>();
    private final boolean deletes;

    private RehearsedPushes(boolean deletes) {
        this.deletes = deletes;
    }

    /**
     * Returns the requests, the most usual first.
     *
     * @param registries the names of all registries
     * @param namespaces the host names that registries serve
     * @param words names that conditions of the routes compare with
     * @param deletes whether manifests and blobs may be deleted
     */
    static List<RehearsedRequest> all(List<String> registries, Collection<String> namespaces, Collection<String> words, boolean deletes) {
        RehearsedPushes pushes = new RehearsedPushes(deletes);
        Map<String, Manner> taken = RehearsedRequest.together(registries, Manner.HAS);
        for (Manner manner : MANNERS) {
            pushes.addScene(RehearsedRequest.together(registries, manner));
        }
        pushes.addRest(taken);
        Set<String> names = new LinkedHashSet<>(RehearsedRequest.NAMES);
        namespaces.forEach(host -> names.add(host.replaceFirst(":.*", "") + "/library/served"));
        names.forEach(name -> pushes.addImage(name, "1.0", taken));
        for (String word : RehearsedRequest.rehearsed(words)) {
            RehearsedRequest.names(word).forEach(name -> pushes.addImage(name, "1.0", taken));
            if (Tag.isValid(word)) {
                pushes.addManifest("library/word", word, taken);
            }
        }
        return List.copyOf(pushes.all);
    }

    private void add(ApiPath.Kind kind, String method, String uri, Map<String, Manner> manners) {
        all.add(new RehearsedRequest(kind, method, uri, true, manners));
    }

    /** Adds what clients send for one image, and what they ask before. */
    private void addScene(Map<String, Manner> manners) {
        add(ApiPath.Kind.BLOB, "HEAD", "/v2/library/app/blobs/" + Scene.BLOB_DIGEST, manners);
        add(ApiPath.Kind.UPLOAD, "POST", uploads("library/app"), manners);
        add(ApiPath.Kind.UPLOAD, "PATCH", "", manners);
        add(ApiPath.Kind.UPLOAD, "PUT", DIGEST, manners);
        addManifest("library/app", "1.0", manners);
        addManifest("library/app", Scene.MANIFEST_DIGEST.value(), manners);
        add(ApiPath.Kind.MANIFEST, "HEAD", "/v2/library/app/manifests/1.0", manners);
        if (deletes) {
            add(ApiPath.Kind.MANIFEST, "DELETE", "/v2/library/app/manifests/" + Scene.MANIFEST_DIGEST, manners);
            add(ApiPath.Kind.MANIFEST, "DELETE", "/v2/library/app/manifests/1.0", manners);
            add(ApiPath.Kind.BLOB, "DELETE", "/v2/library/app/blobs/" + Scene.BLOB_DIGEST, manners);
        }
    }

    /** Adds what clients send rarely. */
    private void addRest(Map<String, Manner> manners) {
        add(ApiPath.Kind.UPLOAD, "POST", uploads("library/app") + DIGEST.replace("digest", "from=library%2Fother&mount"), manners);
        add(ApiPath.Kind.UPLOAD, "GET", "", manners);
        add(ApiPath.Kind.UPLOAD, "DELETE", "", manners);
        add(ApiPath.Kind.MANIFEST, "PUT", "/v2/library/app/manifests/" + Scene.MANIFEST_DIGEST + "?tag=1.0&tag=latest", manners);
        RehearsedRequest.TAGS.forEach(tag -> addManifest("library/tags", tag, manners));
    }

    private void addImage(String name, String tag, Map<String, Manner> manners) {
        add(ApiPath.Kind.UPLOAD, "POST", uploads(name), manners);
        addManifest(name, tag, manners);
    }

    private void addManifest(String name, String reference, Map<String, Manner> manners) {
        add(ApiPath.Kind.MANIFEST, "PUT", "/v2/" + name + "/manifests/" + reference, manners);
    }

    private static String uploads(String name) {
        return "/v2/" + name + "/blobs/uploads/";
    }
}
