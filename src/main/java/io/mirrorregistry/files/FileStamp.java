package io.mirrorregistry.files;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.time.Duration;
import java.time.Instant;

/**
 * Identifies a state of a file without reading it.
 *
 * @param text the file's real path, key, size and time of the last change, or why these cannot be read
 * @param settled false where the file changed so recently that another change may leave the same text
 */
public record FileStamp(String text, boolean settled) {

    /** A file system may store times in steps of two seconds, so a second write within that time can leave the same stamp. */
    private static final Duration CLOCK_STEP = Duration.ofSeconds(2);

    /** @param mostBytes a longer file is not read, as {@link BoundedFile#refusal} says, and so is none that is no regular file */
    public static FileStamp of(Path file, int mostBytes) {
        try {
            BasicFileAttributes attributes = Files.readAttributes(file, BasicFileAttributes.class);
            String where = file.toRealPath() + " " + attributes.fileKey() + " ";
            String refusal = BoundedFile.refusal(attributes, mostBytes);
            if (refusal != null) {
                return new FileStamp(where + refusal, true);
            }
            Instant modified = attributes.lastModifiedTime().toInstant();
            return new FileStamp(where + attributes.size() + " " + modified, modified.plus(CLOCK_STEP).isBefore(Instant.now()));
        } catch (IOException e) {
            return new FileStamp(Denied.reason(file, e), true);
        }
    }
}
