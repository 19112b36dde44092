package io.mirrorregistry.files;

import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Map;

/** Says why a file or folder could not be read, for a person who can change that. */
public final class Denied {

    /** As many links as Linux follows. */
    private static final int MOST_LINKS = 40;

    private Denied() {
    }

    /**
     * Returns why a file or folder could not be read, as the end of a sentence that begins with it. Where the permission is denied, that is who
     * the mirror runs as, and the mode and owner of the file, or of the folder on the way to it that may not be entered.
     */
    public static String reason(Path file, IOException failure) {
        if (failure instanceof AccessDeniedException) {
            return "permission denied for user " + user() + culprit(file.toAbsolutePath(), MOST_LINKS);
        }
        if (failure instanceof NoSuchFileException) {
            return "there is no such file";
        }
        return failure instanceof FileSystemException of && of.getReason() != null ? of.getReason()
                : failure.getMessage() == null ? failure.getClass().getSimpleName() : failure.getMessage();
    }

    /** Returns whether it cannot be told that a file is there, because a folder on the way to it may not be entered. */
    public static boolean isHidden(Path file) {
        return !Files.exists(file) && !Files.notExists(file);
    }

    private static String culprit(Path file, int links) {
        for (Path folder = file.getRoot(); folder != null && !folder.equals(file); folder = folder.resolve(file.getName(folder.getNameCount()))) {
            if (!Files.isExecutable(folder)) {
                return links > 0 && Files.isSymbolicLink(folder) ? culprit(target(folder), links - 1) : ": " + permissions("the mode of the folder " + folder, folder);
            }
        }
        if (links > 0 && Files.isSymbolicLink(file)) {
            return culprit(target(file), links - 1);
        }
        return ": " + permissions(links < MOST_LINKS ? "the mode of " + file : "its mode", file);
    }

    private static Path target(Path link) {
        try {
            return link.resolveSibling(Files.readSymbolicLink(link)).normalize();
        } catch (IOException e) {
            return link;
        }
    }

    private static String permissions(String mode, Path file) {
        try {
            Map<String, Object> unix = Files.readAttributes(file, "unix:mode,owner,group");
            return String.format("%s is %04o, owner %s, group %s", mode, (int) unix.get("mode") & 07777, unix.get("owner"), unix.get("group"));
        } catch (IOException | UnsupportedOperationException | IllegalArgumentException e) {
            return mode + " cannot be read";
        }
    }

    /** Returns the name and number of the user that the mirror runs as. */
    private static String user() {
        String name = System.getProperty("user.name", "?");
        try {
            Object number = Files.getAttribute(Path.of("/proc/self"), "unix:uid");
            return name.equals("?") || name.isEmpty() ? number.toString() : name + " (" + number + ")";
        } catch (IOException | UnsupportedOperationException | IllegalArgumentException e) {
            return name;
        }
    }
}
