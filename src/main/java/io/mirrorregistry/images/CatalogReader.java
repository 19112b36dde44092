package io.mirrorregistry.images;

import io.mirrorregistry.protocol.Digest;
import io.vertx.core.json.JsonObject;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;

/**
 * Reads the folder: {@code oci-layout}, {@code index.json}, and the images that it names.
 *
 * @see <a href="https://github.com/opencontainers/image-spec/blob/v1.1.0/image-layout.md">OCI image layout</a>
 */
final class CatalogReader {

    /** Some hundred thousand entries. */
    private static final int MAX_INDEX_BYTES = 32 * 1024 * 1024;
    private static final int MAX_MARKER_BYTES = 4096;

    private final Path directory;
    private final BlobDirectory blobs;

    CatalogReader(Path directory) {
        this.directory = directory;
        this.blobs = new BlobDirectory(directory);
    }

    /** Returns a stamp of the current {@code index.json}: one file status, no reading. */
    IndexStamp stamp() {
        return IndexStamp.of(directory.resolve("index.json"));
    }

    BlobDirectory blobs() {
        return blobs;
    }

    /**
     * Reads the folder as it is now.
     *
     * @param earlier manifests that need not be read again
     * @throws ImageLayoutException when it is no image layout, or its {@code index.json} cannot be read
     */
    Catalog read(Map<Digest, Manifest> earlier) throws ImageLayoutException {
        if (!Files.isDirectory(directory)) {
            throw new ImageLayoutException("The folder of images " + directory + " is missing.");
        }
        JsonObject marker = readJson("oci-layout", MAX_MARKER_BYTES);
        String version = JsonFields.text(marker, "imageLayoutVersion");
        if (!version.startsWith("1.")) {
            throw new ImageLayoutException("The folder " + directory
                    + " is no OCI image layout of version 1: its oci-layout says " + JsonFields.quote(version) + ".");
        }
        JsonObject index = readJson("index.json", MAX_INDEX_BYTES);
        if (!JsonFields.hasArray(index, "manifests")) {
            throw new ImageLayoutException(
                    "The file " + directory.resolve("index.json") + " is no OCI index: it has no manifests.");
        }
        return CatalogBuilder.build(JsonFields.array(index, "manifests"), blobs, earlier);
    }

    private JsonObject readJson(String name, int limit) throws ImageLayoutException {
        Path file = directory.resolve(name);
        if (!Files.exists(file)) {
            throw new ImageLayoutException(
                    "The folder " + directory + " is no OCI image layout: it has no file " + name + ".");
        }
        if (!Files.isRegularFile(file)) {
            throw new ImageLayoutException(
                    "The folder " + directory + " is no OCI image layout: its " + name + " is not a file.");
        }
        JsonObject json;
        try (InputStream in = Files.newInputStream(file)) {
            byte[] content = in.readNBytes(limit + 1);
            json = content.length > limit ? null : JsonFields.parse(content);
        } catch (IOException e) {
            throw new ImageLayoutException("The file " + file + " cannot be read (" + e.getClass().getSimpleName() + ").");
        }
        if (json == null) {
            throw new ImageLayoutException("The file " + file
                    + " is damaged or only half written: it is no JSON object of at most " + limit + " bytes.");
        }
        return json;
    }
}
