package io.mirrorregistry.protocol;

import java.util.List;
import java.util.Set;
import java.util.regex.Pattern;

/** The media types of what registries serve. */
public final class MediaTypes {

    public static final String OCI_INDEX = "application/vnd.oci.image.index.v1+json";
    public static final String OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json";
    public static final String DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json";
    public static final String DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json";
    /** A manifest of schema 1, whose digest is that of its bytes. */
    public static final String DOCKER_SCHEMA_1 = "application/vnd.docker.distribution.manifest.v1+json";
    /** A signed manifest of schema 1, whose digest is that of what was signed. */
    public static final String DOCKER_SCHEMA_1_SIGNED = "application/vnd.docker.distribution.manifest.v1+prettyjws";
    public static final String OCTET_STREAM = "application/octet-stream";
    public static final String JSON = "application/json";

    /** What is asked for where the client has no wish of its own: without it registries convert or refuse. */
    public static final String ANY_MANIFEST =
            String.join(", ", List.of(OCI_INDEX, OCI_MANIFEST, DOCKER_LIST, DOCKER_MANIFEST));

    /** The types of nearly all manifests, which need no matching. */
    private static final Set<String> COMMON = Set.of(OCI_INDEX, OCI_MANIFEST, DOCKER_LIST, DOCKER_MANIFEST);
    private static final int LONGEST = 255;
    /** Also types that few registries serve, such as artifact manifests, and later versions. */
    private static final Pattern MANIFEST = Pattern.compile("application/vnd\\.[a-z0-9.-]*\\b(manifest|index)\\b[a-z0-9.-]*\\+(json|prettyjws)");

    private MediaTypes() {
    }

    /** Returns whether a text is the media type of a manifest or of an index, without parameters. */
    public static boolean isManifest(String type) {
        return COMMON.contains(type) || type.length() <= LONGEST && MANIFEST.matcher(type).matches();
    }

    /** Returns whether a text is the media type of a list of manifests. */
    public static boolean isIndex(String type) {
        return type.equals(OCI_INDEX) || type.equals(DOCKER_LIST);
    }
}
