package io.mirrorregistry.registry.folder;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.time.Duration;
import java.time.Instant;

/**
 * What tells one state of {@code index.json} from the next without reading it.
 *
 * @param modified when it was last written, as exactly as the file system knows
 * @param size its length in bytes
 * @param fileKey which file it is: tools replace it by renaming a new one
 */
record IndexStamp(Instant modified, long size, Object fileKey) {

    /** That of a file that is missing or out of reach. */
    static final IndexStamp ABSENT = new IndexStamp(Instant.EPOCH, -1, null);

    /** Returns the stamp of a file. */
    static IndexStamp of(Path file) {
        try {
            BasicFileAttributes attributes = Files.readAttributes(file, BasicFileAttributes.class);
            return new IndexStamp(attributes.lastModifiedTime().toInstant(), attributes.size(), attributes.fileKey());
        } catch (IOException e) {
            return ABSENT;
        }
    }

    /** Returns whether the file was written so shortly before that another write could have left the same stamp. */
    boolean isYoung(Instant now, Duration clockTick) {
        return modified.plus(clockTick).isAfter(now);
    }
}
