package io.mirrorregistry.registry.folder;

import io.mirrorregistry.protocol.Digest;
import io.mirrorregistry.protocol.MediaTypes;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;

/** Writes image layouts: content goes to {@code blobs} at once, {@code index.json} with {@link #write()}. */
final class LayoutBuilder {

    static final String CONFIG = "application/vnd.oci.image.config.v1+json";
    static final String LAYER = "application/vnd.oci.image.layer.v1.tar+gzip";
    static final String REF_NAME = "org.opencontainers.image.ref.name";

    private final Path directory;
    private final JsonArray entries = new JsonArray();

    LayoutBuilder(Path directory) {
        this.directory = directory;
        put("oci-layout", bytes("{\"imageLayoutVersion\":\"1.0.0\"}"));
    }

    /** Stores content under its sha256 digest and returns its descriptor. */
    JsonObject blob(String mediaType, byte[] content) {
        return blob("sha256", mediaType, content);
    }

    JsonObject blob(String algorithm, String mediaType, byte[] content) {
        String hex = hex(algorithm.equals("sha512") ? "SHA-512" : "SHA-256", content);
        put("blobs/" + algorithm + "/" + hex, content);
        return new JsonObject().put("mediaType", mediaType).put("digest", algorithm + ":" + hex).put("size", content.length);
    }

    /** Stores an image of one layer. */
    JsonObject image(String layer) {
        return manifest(imageManifest(layer));
    }

    /** Stores the parts of an image and returns its manifest, which is not stored. */
    JsonObject imageManifest(String layer) {
        return new JsonObject().put("schemaVersion", 2).put("mediaType", MediaTypes.OCI_MANIFEST)
                .put("config", blob(CONFIG, bytes("{\"of\":\"" + layer + "\"}")))
                .put("layers", new JsonArray().add(blob(LAYER, bytes(layer))));
    }

    /** Stores a manifest or an index as it stands. */
    JsonObject manifest(JsonObject manifest) {
        return blob(manifest.getString("mediaType"), bytes(manifest.encode()));
    }

    JsonObject index(JsonObject... manifests) {
        return manifest(new JsonObject().put("schemaVersion", 2).put("mediaType", MediaTypes.OCI_INDEX)
                .put("manifests", new JsonArray(List.of(manifests))));
    }

    /** Adds an entry with a name to {@code index.json}. */
    LayoutBuilder name(String name, JsonObject descriptor) {
        return entry(descriptor.copy().put("annotations", new JsonObject().put(REF_NAME, name)));
    }

    /** Adds an entry to {@code index.json} as it stands. */
    LayoutBuilder entry(Object entry) {
        entries.add(entry);
        return this;
    }

    LayoutBuilder clear() {
        entries.clear();
        return this;
    }

    /** Writes {@code index.json} as the tools do: a new file in the place of the old. */
    LayoutBuilder write() {
        return write(bytes(indexJson()));
    }

    LayoutBuilder write(byte[] indexJson) {
        put("index.json", indexJson);
        return this;
    }

    String indexJson() {
        return new JsonObject().put("schemaVersion", 2).put("manifests", entries).encode();
    }

    /** Returns the file that a descriptor points to. */
    Path file(JsonObject descriptor) {
        return directory.resolve("blobs").resolve(descriptor.getString("digest").replace(':', '/'));
    }

    static Digest digest(JsonObject descriptor) {
        return new Digest(descriptor.getString("digest"));
    }

    static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    private void put(String name, byte[] content) {
        Path file = directory.resolve(name);
        try {
            Files.createDirectories(file.getParent());
            Path whole = Files.write(file.resolveSibling("." + file.getFileName() + ".new"), content);
            Files.move(whole, file, StandardCopyOption.REPLACE_EXISTING, StandardCopyOption.ATOMIC_MOVE);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static String hex(String algorithm, byte[] content) {
        try {
            return HexFormat.of().formatHex(MessageDigest.getInstance(algorithm).digest(content));
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e);
        }
    }
}
