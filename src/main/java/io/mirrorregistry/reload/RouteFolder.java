package io.mirrorregistry.reload;

import io.mirrorregistry.files.BoundedFile;
import io.mirrorregistry.files.Denied;
import java.io.IOException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;

/** The folder that routes are read from: every {@code *.camel.yaml} in it, as long as it is a regular file within the bounds. */
final class RouteFolder {

    /** Bounds on the folder: the number of files, and the bytes of all of them together. */
    static final int MOST_FILES = 500;
    static final int MOST_BYTES_TOGETHER = 4 * BoundedFile.MOST_BYTES;

    private static final String PATTERN = "*.camel.yaml";
    private static final String SHIPPED = "routes/";

    private final Path folder;

    /**
     * What the folder holds.
     *
     * @param files the files that were read, by their names
     * @param faults why others were not
     */
    record Contents(Map<String, RouteFile> files, List<RouteFault> faults) {
    }

    RouteFolder(Path folder) {
        this.folder = folder;
    }

    /**
     * Returns what tells a change from none without reading the files: of each, where it really is (Kubernetes changes a folder over
     * by changing where a link leads), its size and when it was written. A file that is not read anyway may change without end; only
     * where it is counts.
     *
     * @throws IOException when the folder cannot be read, or is being changed at this moment
     */
    Map<String, String> stamps() throws IOException {
        Map<String, String> stamps = new TreeMap<>();
        forEach((file, attributes) -> {
            String refusal = BoundedFile.refusal(attributes, BoundedFile.MOST_BYTES);
            stamps.put(file.getFileName().toString(), file.toRealPath() + " " + attributes.fileKey() + " "
                    + (refusal == null ? attributes.size() + " " + attributes.lastModifiedTime() : refusal));
        });
        return stamps;
    }

    /**
     * Reads all files.
     *
     * @throws IOException when the folder or a file cannot be read
     */
    Contents read() throws IOException {
        Map<String, RouteFile> all = new TreeMap<>();
        List<RouteFault> faults = new ArrayList<>();
        long[] together = {0};
        boolean more = forEach((file, attributes) -> {
            String name = file.getFileName().toString();
            String refusal = BoundedFile.refusal(attributes, BoundedFile.MOST_BYTES);
            if (refusal == null && together[0] <= MOST_BYTES_TOGETHER) {
                try {
                    byte[] text = BoundedFile.read(file, BoundedFile.MOST_BYTES);
                    together[0] += text.length;
                    // What is no UTF-8 is for the check to refuse, with the file's name.
                    all.put(name, new RouteFile(name, new String(text, StandardCharsets.UTF_8)));
                } catch (FileSystemException e) {
                    // It has become longer since its attributes were read.
                    if (e.getReason() == null) {
                        throw e;
                    }
                    refusal = e.getReason();
                }
            }
            if (refusal != null) {
                faults.add(refusal.equals(BoundedFile.FOLDER) ? unreadable(name + " (" + refusal + ")") : new RouteFault(name, 1, 1, refusal));
            }
        });
        if (more) {
            faults.add(RouteFault.ofFolder("the folder holds more than " + MOST_FILES + " files " + PATTERN));
        }
        if (together[0] > MOST_BYTES_TOGETHER) {
            faults.add(RouteFault.ofFolder("the files together are longer than " + MOST_BYTES_TOGETHER + " bytes"));
        }
        return new Contents(all, faults);
    }

    /** Returns the fault that stands for a folder which could not be read. */
    static RouteFault unreadable(String why) {
        return RouteFault.ofFolder("the folder cannot be read: " + why);
    }

    /**
     * Reads the files that the program carries, in its jar or in its folder of classes, by their names.
     *
     * @throws IOException when the jar cannot be read
     */
    static Map<String, RouteFile> shipped() throws IOException {
        Map<String, RouteFile> all = new TreeMap<>();
        Path program = Path.of(URI.create(RouteFolder.class.getProtectionDomain().getCodeSource().getLocation().toString()));
        if (Files.isDirectory(program.resolve(SHIPPED))) {
            return new RouteFolder(program.resolve(SHIPPED)).read().files();
        }
        if (Files.isRegularFile(program)) {
            try (ZipFile jar = new ZipFile(program.toFile())) {
                for (ZipEntry entry : Collections.list(jar.entries())) {
                    if (entry.getName().startsWith(SHIPPED) && !entry.isDirectory()) {
                        String name = entry.getName().substring(SHIPPED.length());
                        all.put(name, new RouteFile(name, new String(jar.getInputStream(entry).readAllBytes(), StandardCharsets.UTF_8)));
                    }
                }
            }
        }
        return all;
    }

    private interface Look {
        void at(Path file, BasicFileAttributes attributes) throws IOException;
    }

    /** Looks at each file, with the attributes of the file that a link leads to. Returns whether there are more than may be. */
    private boolean forEach(Look look) throws IOException {
        Path at = folder;
        int count = 0;
        try (DirectoryStream<Path> files = Files.newDirectoryStream(folder, PATTERN)) {
            for (Path file : files) {
                if (++count > MOST_FILES) {
                    return true;
                }
                at = file;
                look.at(file, Files.readAttributes(file, BasicFileAttributes.class));
            }
            return false;
        } catch (NoSuchFileException e) {
            throw new IOException(at.getFileName() + " (there is no such file)", e);
        } catch (DirectoryIteratorException e) {
            throw e.getCause();
        } catch (IOException e) {
            throw new IOException(at.getFileName() + " (" + Denied.reason(at, e) + ")", e);
        }
    }
}
