package io.mirrorregistry.server;

import io.mirrorregistry.protocol.ByteRange;
import io.mirrorregistry.protocol.Digest;
import io.mirrorregistry.pull.Pull;
import io.mirrorregistry.registry.OpenBodies;
import io.mirrorregistry.registry.Registry;
import io.mirrorregistry.registry.RegistryAnswers;
import io.mirrorregistry.registry.RegistryTroubleException;
import io.mirrorregistry.registry.StoredBlob;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import org.apache.camel.Exchange;
import org.apache.camel.Message;

/**
 * Which bytes of a blob one response to a client has, as the registry that began to send them described them. After that registry has broken off,
 * this class says what another one is asked for, and which of its responses have exactly the bytes that are missing.
 *
 * @param digest the blob's digest, as the client asked for it
 * @param start the first byte, from 0
 * @param length the number of bytes; -1 if the registry did not state it
 * @param size the size of the whole blob in bytes; -1 if no registry stated it
 * @param whole whether the bytes are the whole blob, so that its digest proves them
 * @param stated the registry's Docker-Content-Digest; null for none
 * @param etag the registry's ETag; null for none, and for a weak one
 * @see <a href="https://www.rfc-editor.org/rfc/rfc9110#section-15.3.7.3">RFC 9110, Combining Parts</a>
 */
record StreamedBytes(Digest digest, long start, long length, long size, boolean whole, String stated, String etag) {

    private static final String STATED = "Docker-Content-Digest";

    /**
     * The rest of the bytes in a response.
     *
     * @param body contains them; to be closed
     * @param skipped how many bytes of the body are before them
     * @param most how many bytes they are at most
     */
    record Rest(InputStream body, long skipped, long most) {
    }

    /**
     * Describes the bytes of a response.
     *
     * @param part the part that a response 206 has; null for a response 200
     * @param found the blob's size as the response to the HEAD stated it; -1 if unknown
     */
    static StreamedBytes of(Message response, Digest digest, ByteRange.Answered part, long found) {
        String stated = response.getHeader(STATED, String.class);
        String etag = etag(response);
        if (part == null) {
            long length = RegistryAnswers.contentLength(response);
            return new StreamedBytes(digest, 0, length, length >= 0 ? length : found, true, stated, etag);
        }
        return new StreamedBytes(digest, part.part().start(), part.part().length(), part.size() >= 0 ? part.size() : found, part.whole(), stated, etag);
    }

    private static String etag(Message response) {
        String etag = response.getHeader("ETag", String.class);
        return etag == null || etag.startsWith("W/") ? null : etag;
    }

    /** Returns what tells whether the bytes are right. */
    ContentVerifier verifier() {
        return whole ? ContentVerifier.ofWhole(digest, length) : ContentVerifier.ofPart(length);
    }

    /** Returns whether bytes may be missing after so many. */
    boolean isMissingAfter(long count) {
        long expected = length >= 0 ? length : size;
        return expected < 0 || count < expected;
    }

    /** Returns the Range header for the bytes after so many. */
    String rangeAfter(long count) {
        return "bytes=" + (start + count) + "-" + (whole ? "" : start + length - 1);
    }

    /**
     * Returns the bytes after so many, in the response of a registry that was asked for {@link #rangeAfter}. A registry may ignore the Range and
     * respond with the whole blob.
     *
     * @throws RegistryTroubleException if the response has other bytes, or none
     */
    Rest after(long count, Exchange exchange) throws RegistryTroubleException {
        Pull pull = Pull.of(exchange);
        Message response = exchange.getMessage();
        long first = start + count;
        long most = length < 0 ? Long.MAX_VALUE : length - count;
        if (response.getBody() instanceof StoredBlob file) {
            require(size < 0 || file.size() == size, pull, "with a blob of another size");
            return new Rest(open(file, first, pull), 0, most);
        }
        int status = Registry.status(exchange);
        require(status == 200 || status == 206, pull, "with " + status);
        long skipped = 0;
        if (status == 206) {
            String contentRange = response.getHeader("Content-Range", String.class);
            ByteRange.Answered part = contentRange == null ? null : ByteRange.answered(contentRange, rangeAfter(count));
            require(part != null && (length < 0 || part.part().length() == most), pull, "with another part than the one asked for");
            require(!part.contradicts(size), pull, "with a part of a blob of another size");
        } else {
            long all = RegistryAnswers.contentLength(response);
            require(size < 0 || all < 0 || all == size, pull, "with a blob of another size");
            skipped = first;
        }
        require(isSame(response), pull, "with a part of another blob");
        return new Rest(response.getBody() instanceof InputStream body ? body : InputStream.nullInputStream(), skipped, most);
    }

    private static void require(boolean fits, Pull pull, String otherwise) throws RegistryTroubleException {
        if (!fits) {
            throw pull.trouble(otherwise);
        }
    }

    private static InputStream open(StoredBlob file, long first, Pull pull) throws RegistryTroubleException {
        InputStream in = null;
        try {
            in = Files.newInputStream(file.file());
            in.skipNBytes(first);
            pull.bodies().add(in);
            return in;
        } catch (IOException e) {
            if (in != null) {
                OpenBodies.close(in);
            }
            throw pull.trouble("with a file that cannot be read from byte " + first + " on");
        }
    }

    /**
     * Returns whether nothing in a response shows another blob. Registries may state the digest of another algorithm than the one asked for. The
     * ETags of two registries may differ for the same bytes, so they count only for a part, which no digest proves.
     */
    private boolean isSame(Message response) {
        String other = response.getHeader(STATED, String.class);
        if (other != null && (other.equals(digest.value()) || other.equals(stated))) {
            return true;
        }
        if (other != null && (algorithm(other).equals(digest.algorithm()) || stated != null && algorithm(other).equals(algorithm(stated)))) {
            return false;
        }
        String otherEtag = etag(response);
        return whole || etag == null || otherEtag == null || etag.equals(otherEtag);
    }

    private static String algorithm(String stated) {
        return stated.substring(0, Math.max(0, stated.indexOf(':')));
    }
}
