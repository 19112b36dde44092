package io.mirrorregistry.routes;

import java.io.IOException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.AccessDeniedException;
import java.nio.file.DirectoryStream;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.Collections;
import java.util.Map;
import java.util.TreeMap;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;

/** The folder that routes are read from: every {@code *.camel.yaml} in it. */
final class RouteFolder {

    private static final String PATTERN = "*.camel.yaml";
    private static final String SHIPPED = "routes/";

    private final Path folder;

    RouteFolder(Path folder) {
        this.folder = folder;
    }

    /**
     * Returns what tells a change from none without reading the files: of each, where it really is (Kubernetes changes a folder over
     * by changing where a link leads), its size and when it was written.
     *
     * @throws IOException when the folder cannot be read, or is being changed at this moment
     */
    Map<String, String> stamps() throws IOException {
        Map<String, String> stamps = new TreeMap<>();
        forEach(file -> {
            BasicFileAttributes attributes = Files.readAttributes(file, BasicFileAttributes.class);
            stamps.put(file.getFileName().toString(),
                    file.toRealPath() + " " + attributes.fileKey() + " " + attributes.size() + " " + attributes.lastModifiedTime());
        });
        return stamps;
    }

    /**
     * Reads all files, by their names.
     *
     * @throws IOException when the folder or a file cannot be read
     */
    Map<String, RouteFile> read() throws IOException {
        Map<String, RouteFile> all = new TreeMap<>();
        forEach(file -> {
            String name = file.getFileName().toString();
            // What is no UTF-8 is for the check to refuse, with the file's name.
            all.put(name, new RouteFile(name, new String(Files.readAllBytes(file), StandardCharsets.UTF_8)));
        });
        return all;
    }

    /**
     * Reads the files that the program's jar carries, by their names; nothing where it was not started from a jar.
     *
     * @throws IOException when the jar cannot be read
     */
    static Map<String, RouteFile> shipped() throws IOException {
        Map<String, RouteFile> all = new TreeMap<>();
        Path program = Path.of(URI.create(RouteFolder.class.getProtectionDomain().getCodeSource().getLocation().toString()));
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
        void at(Path file) throws IOException;
    }

    private void forEach(Look look) throws IOException {
        Path at = folder;
        try (DirectoryStream<Path> files = Files.newDirectoryStream(folder, PATTERN)) {
            for (Path file : files) {
                at = file;
                look.at(file);
            }
        } catch (NoSuchFileException e) {
            throw new IOException(at.getFileName() + " (there is no such file)", e);
        } catch (IOException e) {
            throw new IOException(at.getFileName() + " (" + (e instanceof FileSystemException file && file.getReason() != null ? file.getReason()
                    : e instanceof AccessDeniedException ? "permission denied" : e.getMessage()) + ")", e);
        }
    }
}
