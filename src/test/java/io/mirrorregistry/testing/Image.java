package io.mirrorregistry.testing;

import io.mirrorregistry.protocol.Digest;
import io.mirrorregistry.protocol.MediaTypes;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * A manifest and what it is made of.
 *
 * @param tag the tag, or null where it is known by digest only
 * @param blobs config first, then layers; empty for an index
 * @param children the manifests of an index
 * @param artifactType what a referrer says it is, or null
 */
public record Image(String name, String tag, String mediaType, byte[] manifest, List<Body> blobs, List<Image> children,
                    String artifactType) {

    private static final String CONFIG = "application/vnd.oci.image.config.v1+json";
    private static final String LAYER = "application/vnd.oci.image.layer.v1.tar+gzip";
    private static final String EMPTY = "application/vnd.oci.empty.v1+json";

    /** Makes an image whose content depends on the salt, name and tag only. */
    public static Image of(String salt, String name, String tag, int layers) {
        List<Body> blobs = new ArrayList<>();
        blobs.add(Body.of("{\"architecture\":\"amd64\",\"os\":\"linux\",\"author\":\"%s %s %s\"}".formatted(salt, name, tag)));
        for (int i = 1; i <= layers; i++) {
            blobs.add(Body.ofSize(1000L + i, Arrays.hashCode(new Object[] {salt, name, tag, i})));
        }
        String manifest = """
                {"schemaVersion":2,"mediaType":"%s","config":%s,"layers":[%s]}"""
                .formatted(MediaTypes.OCI_MANIFEST, descriptor(CONFIG, blobs.get(0), ""),
                        blobs.stream().skip(1).map(layer -> descriptor(LAYER, layer, "")).collect(Collectors.joining(",")));
        return new Image(name, tag, MediaTypes.OCI_MANIFEST, bytes(manifest), List.copyOf(blobs), List.of(), null);
    }

    /** Makes an index over images. */
    public static Image index(String name, String tag, Image... images) {
        return new Image(name, tag, MediaTypes.OCI_INDEX, indexOf(List.of(images)), List.of(), List.of(images), null);
    }

    /** Makes an artifact that refers to a subject. */
    public static Image referrer(String name, Image subject, String artifactType) {
        Body empty = Body.of("{}");
        String manifest = """
                {"schemaVersion":2,"mediaType":"%s","artifactType":"%s","config":%s,"layers":[%s],"subject":%s}"""
                .formatted(MediaTypes.OCI_MANIFEST, artifactType, descriptor(EMPTY, empty, ""), descriptor(EMPTY, empty, ""),
                        subject.descriptor());
        return new Image(name, null, MediaTypes.OCI_MANIFEST, bytes(manifest), List.of(empty), List.of(), artifactType);
    }

    /** Makes an index without images whose manifest has exactly this many bytes. */
    public static Image ofManifestSize(String name, String tag, int size) {
        byte[] manifest = new byte[size];
        Arrays.fill(manifest, (byte) ' ');
        byte[] json = indexOf(List.of());
        System.arraycopy(json, 0, manifest, 0, json.length);
        return new Image(name, tag, MediaTypes.OCI_INDEX, manifest, List.of(), List.of(), null);
    }

    /** Returns the digest of the manifest. */
    public Digest digest() {
        return Digest.ofSha256(manifest);
    }

    /** Returns the config blob. */
    public Body config() {
        return blobs.get(0);
    }

    /** Returns the layers in order. */
    public List<Body> layers() {
        return blobs.subList(1, blobs.size());
    }

    /** Returns {@code /v2/<name>/manifests/<tag>}, or by digest where there is no tag. */
    public String path() {
        return "/v2/" + name + "/manifests/" + (tag == null ? digest().value() : tag);
    }

    /** Returns {@code /v2/<name>/manifests/<digest>}. */
    public String pathByDigest() {
        return "/v2/" + name + "/manifests/" + digest();
    }

    /** Returns {@code /v2/<name>/blobs/<digest>} of one of the blobs. */
    public String path(Body blob) {
        return "/v2/" + name + "/blobs/" + blob.digest();
    }

    /** Returns an index over these manifests, as bytes. */
    static byte[] indexOf(List<Image> images) {
        return bytes("""
                {"schemaVersion":2,"mediaType":"%s","manifests":[%s]}"""
                .formatted(MediaTypes.OCI_INDEX, images.stream().map(Image::descriptor).collect(Collectors.joining(","))));
    }

    private String descriptor() {
        return descriptor(mediaType, Body.of(manifest),
                Stream.ofNullable(artifactType).map(",\"artifactType\":\"%s\""::formatted).collect(Collectors.joining()));
    }

    private static String descriptor(String mediaType, Body content, String more) {
        return "{\"mediaType\":\"%s\",\"digest\":\"%s\",\"size\":%d%s}"
                .formatted(mediaType, content.digest(), content.length(), more);
    }

    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }
}
