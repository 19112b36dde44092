package io.mirrorregistry.files;

import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;

/**
 * Reads a whole file with a bound. The kind of file is checked before it is opened: opening a named pipe blocks until a writer comes,
 * and a device such as {@code /dev/zero} has no end. Links are followed, because Kubernetes mounts files as links.
 */
public final class BoundedFile {

    /** The bound for files that a person writes, in bytes. */
    public static final int MOST_BYTES = 1024 * 1024;

    /** The reason for a folder: the operating system's own words. */
    public static final String FOLDER = "Is a directory";

    private BoundedFile() {
    }

    /**
     * Reads the file. A file that grows meanwhile is read no further than the bound.
     *
     * @param mostBytes the bound
     * @throws FileSystemException with a {@linkplain FileSystemException#getReason() reason} if it is no regular file or longer than the
     *     bound
     * @throws IOException if it is missing or cannot be read
     */
    public static byte[] read(Path file, int mostBytes) throws IOException {
        String reason = refusal(Files.readAttributes(file, BasicFileAttributes.class), mostBytes);
        if (reason != null) {
            throw new FileSystemException(file.toString(), null, reason);
        }
        try (InputStream in = Files.newInputStream(file)) {
            byte[] content = in.readNBytes(mostBytes + 1);
            if (content.length > mostBytes) {
                throw new FileSystemException(file.toString(), null, tooLong(mostBytes));
            }
            return content;
        }
    }

    /**
     * Returns why a file is not read, as the end of a sentence that begins with the file; null for a file that is.
     *
     * @param attributes those of the file that a link leads to
     * @param mostBytes the bound
     */
    public static String refusal(BasicFileAttributes attributes, int mostBytes) {
        if (attributes.isDirectory()) {
            return FOLDER;
        }
        if (!attributes.isRegularFile()) {
            return "it is a pipe, a device or a socket, not a regular file";
        }
        return attributes.size() > mostBytes ? tooLong(mostBytes) : null;
    }

    /** Returns why a file could not be read, without its name. */
    public static String reason(IOException failure) {
        return failure instanceof FileSystemException file && file.getReason() != null ? file.getReason() : failure.getMessage();
    }

    /**
     * Reads a file of text in UTF-8.
     *
     * @throws IOException as {@link #read}, or if the bytes are no UTF-8
     */
    public static String readText(Path file) throws IOException {
        return StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(read(file, MOST_BYTES))).toString();
    }

    private static String tooLong(int mostBytes) {
        return "it is longer than " + mostBytes + " bytes";
    }
}
