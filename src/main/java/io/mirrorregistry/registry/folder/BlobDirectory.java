package io.mirrorregistry.registry.folder;

import io.mirrorregistry.files.Denied;
import io.mirrorregistry.protocol.Digest;
import io.mirrorregistry.registry.StoredBlob;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;

/**
 * The folder {@code blobs} of a layout: content by digest. A {@link Digest} is hexadecimal by construction, so that no
 * path made of one leads out of here; files may be symbolic links.
 */
final class BlobDirectory {

    private final Path directory;

    BlobDirectory(Path layout) {
        this.directory = layout.resolve("blobs");
    }

    /**
     * Returns the blob after comparing its file's size with the descriptor's; the bytes are not read.
     *
     * @throws DamagedImageException when there is no such file, or one of another size
     */
    StoredBlob blob(Descriptor descriptor) throws DamagedImageException {
        return blob(descriptor.digest(), descriptor.size());
    }

    /** Returns the blob of that size in bytes. */
    StoredBlob blob(Digest digest, long size) throws DamagedImageException {
        Path file = directory.resolve(digest.algorithm()).resolve(digest.hex());
        try {
            BasicFileAttributes found = Files.readAttributes(file, BasicFileAttributes.class);
            if (!found.isRegularFile()) {
                throw new DamagedImageException("blob " + digest + " is not a file");
            }
            if (found.size() != size) {
                throw new DamagedImageException(
                        "blob " + digest + " has " + found.size() + (found.size() == 1 ? " byte" : " bytes") + " instead of " + size);
            }
            return new StoredBlob(digest, file, size);
        } catch (NoSuchFileException e) {
            throw new DamagedImageException("blob " + digest + " is missing");
        } catch (IOException e) {
            throw unreadable(digest, file, e);
        }
    }

    /**
     * Reads the bytes of a blob and verifies them.
     *
     * @param limit how many bytes it may have
     * @throws DamagedImageException when it is longer, or its bytes do not have its digest
     */
    byte[] verified(StoredBlob blob, int limit) throws DamagedImageException {
        if (blob.size() > limit) {
            throw new DamagedImageException(
                    "manifest " + blob.digest() + " has " + blob.size() + " bytes, more than the allowed " + limit);
        }
        try (InputStream in = Files.newInputStream(blob.file())) {
            byte[] content = in.readNBytes(limit + 1);
            if (content.length > limit || !blob.digest().matches(content)) {
                throw new DamagedImageException("the bytes of " + blob.digest() + " do not have that digest");
            }
            return content;
        } catch (IOException e) {
            throw unreadable(blob.digest(), blob.file(), e);
        }
    }

    private static DamagedImageException unreadable(Digest digest, Path file, IOException e) {
        return new DamagedImageException("blob " + digest + " cannot be read (" + Denied.reason(file, e) + ")");
    }
}
