package io.mirrorregistry.registry.folder;

import com.fasterxml.jackson.core.JacksonException;
import com.fasterxml.jackson.core.JsonToken;
import io.mirrorregistry.files.BoundedFile;
import io.mirrorregistry.files.Denied;
import io.mirrorregistry.protocol.Digest;
import io.vertx.core.json.JsonObject;
import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;

/**
 * Reads the folder: {@code oci-layout}, {@code index.json}, and the images that it names.
 *
 * @see <a href="https://github.com/opencontainers/image-spec/blob/v1.1.0/image-layout.md">OCI image layout</a>
 */
final class CatalogReader {

    /** A bound on the time that reading takes; memory is bounded by the number of names. */
    private static final int MAX_INDEX_BYTES = 32 * 1024 * 1024;
    private static final int MAX_MARKER_BYTES = 4096;
    /** An entry has about ten names and values, and two more for each annotation. */
    private static final int MOST_ENTRY_PARTS = 10_000;

    private final Path directory;
    private final BlobDirectory blobs;
    private final long mostBytes;

    /** @param mostBytes how much memory a catalog may take */
    CatalogReader(Path directory, long mostBytes) {
        this.directory = directory;
        this.blobs = new BlobDirectory(directory);
        this.mostBytes = mostBytes;
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
     * @throws ImageLayoutException when it is no image layout, or its {@code index.json} cannot be read or is too large
     */
    Catalog read(Map<Digest, Manifest> earlier) throws ImageLayoutException {
        if (!Files.isDirectory(directory) && !Denied.isHidden(directory)) {
            throw new ImageLayoutException("The folder of images " + directory + " is missing.");
        }
        String version = JsonFields.text(readMarker(), "imageLayoutVersion");
        if (!version.startsWith("1.")) {
            throw new ImageLayoutException("The folder " + directory
                    + " is no OCI image layout of version 1: its oci-layout says " + JsonFields.quote(version) + ".");
        }
        Path index = file("index.json");
        try {
            if (Files.size(index) > MAX_INDEX_BYTES) {
                throw tooLong(index);
            }
            CatalogBuilder builder = readIndex(index, earlier);
            if (builder == null) {
                throw new ImageLayoutException("The file " + index + " is no OCI index: it has no manifests.");
            }
            return builder.build();
        } catch (ImageLayoutException e) {
            throw e;
        } catch (IOException e) {
            throw unreadable(index, e);
        }
    }

    /** Reads {@code index.json} entry by entry. Returns null where it has no manifests. */
    private CatalogBuilder readIndex(Path file, Map<Digest, Manifest> earlier) throws IOException {
        CatalogBuilder builder = null;
        try (JsonStream json = new JsonStream(new BoundedStream(Files.newInputStream(file), MAX_INDEX_BYTES, tooLong(file)))) {
            if (json.next() != JsonToken.START_OBJECT) {
                throw damaged(file, MAX_INDEX_BYTES);
            }
            while (json.next() == JsonToken.FIELD_NAME) {
                boolean manifests = json.field().equals("manifests");
                JsonToken value = json.next();
                if (manifests) {
                    // Where the field stands twice the last one counts, as with every other reader of JSON. Go (umoci) writes null for none.
                    builder = value == JsonToken.START_ARRAY || value == JsonToken.VALUE_NULL ? new CatalogBuilder(blobs, earlier, mostBytes) : null;
                }
                if (manifests && value == JsonToken.START_ARRAY) {
                    readEntries(file, json, builder);
                } else {
                    json.skip();
                }
            }
            if (json.next() != null) {
                throw damaged(file, MAX_INDEX_BYTES);
            }
            return builder;
        } catch (JacksonException e) {
            throw damaged(file, MAX_INDEX_BYTES);
        }
    }

    private void readEntries(Path file, JsonStream json, CatalogBuilder builder) throws IOException {
        while (json.next() != JsonToken.END_ARRAY) {
            Object entry;
            try {
                entry = json.value(MOST_ENTRY_PARTS);
            } catch (JsonStream.TooManyPartsException e) {
                throw new ImageLayoutException("The file " + file + " is not read: an entry has more than " + MOST_ENTRY_PARTS
                        + " names and values.", true);
            }
            builder.add(entry);
            if (builder.names() > mostBytes / CatalogBudget.NAME) {
                throw new ImageLayoutException("The file " + file + " is not read: it has more than " + mostBytes / CatalogBudget.NAME
                        + " names, which would take more than the " + CatalogBudget.megabytes(mostBytes)
                        + " of memory that the folder of images may take; raise -Xmx or remove images.", true);
            }
        }
    }

    private JsonObject readMarker() throws ImageLayoutException {
        Path file = file("oci-layout");
        JsonObject json;
        try {
            json = JsonFields.parse(BoundedFile.read(file, MAX_MARKER_BYTES));
        } catch (FileSystemException e) {
            if (e.getReason() == null) {
                throw unreadable(file, e);
            }
            json = null;
        } catch (IOException e) {
            throw unreadable(file, e);
        }
        if (json == null) {
            throw damaged(file, MAX_MARKER_BYTES);
        }
        return json;
    }

    private Path file(String name) throws ImageLayoutException {
        Path file = directory.resolve(name);
        if (Denied.isHidden(file)) {
            throw unreadable(file, new AccessDeniedException(file.toString()));
        }
        if (!Files.exists(file)) {
            throw new ImageLayoutException(
                    "The folder " + directory + " is no OCI image layout: it has no file " + name + ".");
        }
        if (!Files.isRegularFile(file)) {
            throw new ImageLayoutException(
                    "The folder " + directory + " is no OCI image layout: its " + name + " is not a file.");
        }
        return file;
    }

    private static ImageLayoutException unreadable(Path file, IOException failure) {
        return new ImageLayoutException("The file " + file + " cannot be read (" + Denied.reason(file, failure) + ").");
    }

    private static ImageLayoutException tooLong(Path file) {
        return new ImageLayoutException("The file " + file + " is not read: it has more than " + MAX_INDEX_BYTES + " bytes.", true);
    }

    private static ImageLayoutException damaged(Path file, int limit) {
        return new ImageLayoutException("The file " + file
                + " is damaged or only half written: it is no JSON object of at most " + limit + " bytes.");
    }
}
