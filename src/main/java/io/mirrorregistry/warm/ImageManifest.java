package io.mirrorregistry.warm;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import io.mirrorregistry.protocol.Digest;
import io.mirrorregistry.protocol.Json;
import io.mirrorregistry.protocol.MediaTypes;
import io.mirrorregistry.warm.CopyFailedException.Reason;
import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The blobs and manifests that a manifest lists. Its other members are skipped, so that a manifest of 4 MiB takes little memory.
 *
 * @param children the manifests of an index; empty for an image
 * @param blobs the sizes of the config and of the layers in bytes, and of blobs that an index lists, by their digests; without layers that
 *     may not be distributed, which clients get from their URLs
 */
record ImageManifest(List<Child> children, Map<Digest, Long> blobs) {

    private static final long MOST_BLOB_BYTES = 1L << 40;

    /**
     * A manifest that an index lists.
     *
     * @param platform its platform, such as {@code linux/arm64/v8}; null for none
     * @param about the digest of the manifest that this attestation describes; null if it is no attestation
     */
    record Child(Digest digest, String platform, String about) {
    }

    /**
     * Reads a manifest.
     *
     * @throws CopyFailedException if it is no manifest that can be copied
     */
    static ImageManifest read(byte[] bytes) throws CopyFailedException {
        List<Child> children = new ArrayList<>();
        Map<Digest, Long> blobs = new LinkedHashMap<>();
        try (JsonParser parser = Json.TOKENS.createParser(bytes)) {
            if (parser.nextToken() != JsonToken.START_OBJECT) {
                throw unreadable();
            }
            while (parser.nextToken() == JsonToken.FIELD_NAME) {
                String name = parser.currentName();
                JsonToken value = parser.nextToken();
                if (name.equals("fsLayers")) {
                    throw new CopyFailedException(Reason.UNSUPPORTED, "Manifests of schema 1 are not copied.");
                } else if (name.equals("manifests") && value == JsonToken.START_ARRAY) {
                    while (parser.nextToken() != JsonToken.END_ARRAY) {
                        Descriptor child = Descriptor.read(parser);
                        if (child.type == null || MediaTypes.isManifest(child.type)) {
                            children.add(new Child(child.digest(), child.platform(), child.about));
                        } else {
                            // BuildKit's cache is an index of layers.
                            add(child, blobs);
                        }
                    }
                } else if (name.equals("config") && value == JsonToken.START_OBJECT) {
                    add(Descriptor.read(parser), blobs);
                } else if ((name.equals("layers") || name.equals("blobs")) && value == JsonToken.START_ARRAY) {
                    while (parser.nextToken() != JsonToken.END_ARRAY) {
                        add(Descriptor.read(parser), blobs);
                    }
                } else {
                    parser.skipChildren();
                }
            }
        } catch (IOException e) {
            throw unreadable();
        }
        return new ImageManifest(List.copyOf(children), blobs);
    }

    private static void add(Descriptor blob, Map<Digest, Long> blobs) throws CopyFailedException {
        if (blob.size < 0) {
            throw unreadable();
        }
        if (blob.size > MOST_BLOB_BYTES) {
            throw new CopyFailedException(Reason.UNSUPPORTED, "The blob " + blob.digest + " is said to have " + blob.size + " bytes; at most " + MOST_BLOB_BYTES + " are copied.");
        }
        if (!blob.elsewhere || !blob.isNotDistributed()) {
            blobs.putIfAbsent(blob.digest(), blob.size);
        }
    }

    private static CopyFailedException unreadable() {
        return new CopyFailedException(Reason.UNSUPPORTED, "The manifest cannot be read: it is no JSON object, or a descriptor in it has no digest or no size.");
    }

    /** The members of a descriptor that copies need. */
    private static final class Descriptor {

        private String digest;
        private long size = -1;
        private String type;
        private boolean elsewhere;
        private String os;
        private String architecture;
        private String variant;
        private String about;

        /** Reads the object that begins with the current token. */
        static Descriptor read(JsonParser parser) throws IOException, CopyFailedException {
            if (parser.currentToken() != JsonToken.START_OBJECT) {
                throw unreadable();
            }
            Descriptor descriptor = new Descriptor();
            while (parser.nextToken() == JsonToken.FIELD_NAME) {
                String name = parser.currentName();
                descriptor.member(parser, name, parser.nextToken());
            }
            if (descriptor.digest == null || !Digest.isValid(descriptor.digest)) {
                throw unreadable();
            }
            return descriptor;
        }

        private void member(JsonParser parser, String name, JsonToken value) throws IOException {
            boolean object = value == JsonToken.START_OBJECT;
            if (name.equals("mediaType") && value == JsonToken.VALUE_STRING) {
                type = parser.getText();
            } else if (name.equals("digest") && value == JsonToken.VALUE_STRING) {
                digest = parser.getText();
            } else if (name.equals("size") && value == JsonToken.VALUE_NUMBER_INT) {
                size = parser.getNumberType() == JsonParser.NumberType.BIG_INTEGER ? -1 : parser.getLongValue();
            } else if (name.equals("platform") && object) {
                while (parser.nextToken() == JsonToken.FIELD_NAME) {
                    platform(parser, parser.currentName(), parser.nextToken());
                }
            } else if (name.equals("annotations") && object) {
                while (parser.nextToken() == JsonToken.FIELD_NAME) {
                    // Build tools put the attestations of an image into the same index.
                    boolean attested = parser.currentName().equals("vnd.docker.reference.digest");
                    about = parser.nextToken() == JsonToken.VALUE_STRING && attested ? parser.getText() : about;
                    parser.skipChildren();
                }
            } else if (name.equals("urls") && value == JsonToken.START_ARRAY) {
                elsewhere = parser.nextToken() != JsonToken.END_ARRAY;
                while (parser.currentToken() != JsonToken.END_ARRAY) {
                    parser.skipChildren();
                    parser.nextToken();
                }
            } else {
                parser.skipChildren();
            }
        }

        private void platform(JsonParser parser, String name, JsonToken value) throws IOException {
            String text = value == JsonToken.VALUE_STRING ? parser.getText() : null;
            parser.skipChildren();
            switch (name) {
                case "os" -> os = text;
                case "architecture" -> architecture = text;
                case "variant" -> variant = text;
                default -> { }
            }
        }

        Digest digest() {
            return new Digest(digest);
        }

        boolean isNotDistributed() {
            return type != null && (type.contains("foreign") || type.contains("nondistributable"));
        }

        String platform() {
            return os == null || architecture == null ? null : os + "/" + architecture + (variant == null || variant.isEmpty() ? "" : "/" + variant);
        }
    }
}
