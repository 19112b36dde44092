package io.mirrorregistry.files;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.OverlappingFileLockException;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFileAttributeView;
import java.nio.file.attribute.PosixFileAttributes;
import java.time.Duration;

/**
 * Changes a file of text as a whole: a reader finds the old text or the new text, also after a crash. The new text is written to a temporary file in the
 * same folder, which then takes the file's place.
 *
 * <p>A lock file beside the file, {@code .NAME.lock}, is locked from reading the old text until the new text is in place, so that of two processes that
 * change the file at once none loses its change. The lock file stays: if it were deleted, two processes could lock two different files of that name.
 */
public final class FileReplacement {

    /** As many links as Linux follows. */
    private static final int MOST_LINKS = 40;
    private static final Duration LONGEST_WAIT = Duration.ofSeconds(10);
    private static final long RETRY_MILLIS = 20;

    private FileReplacement() {
    }

    /**
     * Computes the new text of a file.
     *
     * @param <E> what it throws to leave the file as it is
     */
    @FunctionalInterface
    public interface Change<E extends Exception> {

        /**
         * Returns the new text.
         *
         * @param text the old text; empty if there is no file
         */
        String apply(String text) throws E;
    }

    /**
     * Changes a file, or makes it. A changed file keeps its permissions, and its owner and group if the process may set these; a new file has the
     * permissions 0600. A link stays a link: the file that it leads to is changed. Waits up to 10 s for other processes that change the file.
     *
     * @throws IOException if the file cannot be read or written; its message is a sentence for a person
     * @throws E what the change throws; the file is as it was
     */
    public static <E extends Exception> void update(Path file, Change<E> change) throws IOException, E {
        update(file, change, LONGEST_WAIT);
    }

    static <E extends Exception> void update(Path file, Change<E> change, Duration longestWait) throws IOException, E {
        Path target = target(file.toAbsolutePath());
        try (FileChannel guard = guard(file, target)) {
            lock(guard, file, longestWait);
            String before = read(file);
            String after = change.apply(before);
            if (!after.equals(before)) {
                replace(file, target, after);
            }
        }
    }

    /**
     * Returns the text of a file; an empty text if there is no file.
     *
     * @throws IOException if it cannot be read; its message is a sentence for a person
     */
    public static String read(Path file) throws IOException {
        try {
            return BoundedFile.readText(file);
        } catch (NoSuchFileException e) {
            return "";
        } catch (CharacterCodingException e) {
            throw new IOException(file + " cannot be read: it is not UTF-8", e);
        } catch (IOException e) {
            throw new IOException(file + " cannot be read: " + Denied.reason(file, e), e);
        }
    }

    /** Returns the file that a link leads to, whether it is there or not. */
    private static Path target(Path file) throws IOException {
        Path target = file;
        for (int links = 0; Files.isSymbolicLink(target); links++) {
            if (links == MOST_LINKS) {
                throw new IOException(file + " cannot be changed: it is a link that leads to no file");
            }
            target = target.resolveSibling(Files.readSymbolicLink(target));
        }
        return target;
    }

    private static FileChannel guard(Path file, Path target) throws IOException {
        Path folder = target.getParent();
        if (folder == null || !Files.isDirectory(folder)) {
            throw new IOException(file + " cannot be changed: there is no folder " + folder);
        }
        try {
            return FileChannel.open(folder.resolve("." + target.getFileName() + ".lock"), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
        } catch (IOException e) {
            throw new IOException(file + " cannot be changed: no file can be written in the folder " + folder + " (" + Denied.reason(folder, e) + ")", e);
        }
    }

    private static void lock(FileChannel guard, Path file, Duration longestWait) throws IOException {
        long begin = System.nanoTime();
        try {
            while (!isLocked(guard, file)) {
                if (System.nanoTime() - begin > longestWait.toNanos()) {
                    throw new IOException(file + " cannot be changed: another command has been changing it for " + longestWait.toSeconds() + " s");
                }
                Thread.sleep(RETRY_MILLIS);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException(file + " is not changed: the thread was interrupted", e);
        }
    }

    /** Tries to lock; the lock ends with the channel. */
    private static boolean isLocked(FileChannel guard, Path file) throws IOException {
        try {
            return guard.tryLock() != null;
        } catch (OverlappingFileLockException e) {
            // Another thread of this process has it.
            return false;
        } catch (IOException e) {
            throw new IOException(file + " cannot be changed: its folder's file system cannot lock files (" + e.getMessage() + ")", e);
        }
    }

    private static void replace(Path file, Path target, String text) throws IOException {
        try {
            ByteBuffer bytes = StandardCharsets.UTF_8.newEncoder().encode(CharBuffer.wrap(text));
            if (bytes.remaining() > BoundedFile.MOST_BYTES) {
                throw new FileSystemException(file.toString(), null, "it would be longer than " + BoundedFile.MOST_BYTES + " bytes");
            }
            Path temporary = Files.createTempFile(target.getParent(), "." + target.getFileName() + ".", ".tmp");
            try {
                write(bytes, temporary, target);
                Files.move(temporary, target, StandardCopyOption.ATOMIC_MOVE);
            } finally {
                Files.deleteIfExists(temporary);
            }
        } catch (IOException e) {
            throw new IOException(file + " cannot be changed: " + reason(target, e), e);
        }
        syncFolder(target.getParent());
    }

    private static String reason(Path target, IOException failure) {
        if (failure instanceof CharacterCodingException) {
            return "the new text cannot be written as UTF-8";
        }
        boolean mounted = failure instanceof FileSystemException of && "Device or resource busy".equals(of.getReason());
        return mounted ? "it is mounted as a single file, which cannot be replaced; mount its folder" : Denied.reason(target.getParent(), failure);
    }

    private static void write(ByteBuffer bytes, Path temporary, Path target) throws IOException {
        try (FileChannel out = FileChannel.open(temporary, StandardOpenOption.WRITE)) {
            while (bytes.hasRemaining()) {
                out.write(bytes);
            }
            PosixFileAttributeView view = Files.getFileAttributeView(temporary, PosixFileAttributeView.class);
            if (view != null && Files.exists(target)) {
                copyAttributes(Files.readAttributes(target, PosixFileAttributes.class), view);
            }
            out.force(true);
        }
    }

    private static void copyAttributes(PosixFileAttributes from, PosixFileAttributeView to) throws IOException {
        PosixFileAttributes now = to.readAttributes();
        try {
            if (!from.group().equals(now.group())) {
                to.setGroup(from.group());
            }
            if (!from.owner().equals(now.owner())) {
                to.setOwner(from.owner());
            }
        } catch (IOException e) {
            // Only root may give a file to another user. The file then belongs to the user that runs the command.
        }
        to.setPermissions(from.permissions());
    }

    /** Has the folder's new entry survive a crash; some systems cannot open a folder. */
    private static void syncFolder(Path folder) {
        try (FileChannel channel = FileChannel.open(folder, StandardOpenOption.READ)) {
            channel.force(true);
        } catch (IOException e) {
            // The new text is in place, and a crash may bring back the old one.
        }
    }
}
