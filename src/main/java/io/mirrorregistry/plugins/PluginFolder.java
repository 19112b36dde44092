package io.mirrorregistry.plugins;

import io.mirrorregistry.files.BoundedFile;
import io.mirrorregistry.files.Denied;
import io.mirrorregistry.reload.RouteFault;
import java.io.IOException;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** The folder of plug-ins: every {@code *.jar} in it. A folder that is missing is an empty one. For one thread at a time. */
public final class PluginFolder {

    private static final int MOST_JARS = 20;
    private static final int MOST_BYTES = 20 * 1024 * 1024;
    private static final String PATTERN = "*.jar";

    private final Path folder;
    private final String name;
    private final long mostUnpacked;

    /**
     * What the folder held when it was read.
     *
     * @param jars the jars that are whole, in the order of their names
     * @param faults why others were not read
     */
    public record Contents(List<PluginJar> jars, List<RouteFault> faults) {

        /** Nothing at all. */
        public static final Contents NONE = new Contents(List.of(), List.of());

        /** Returns a text for each jar, by the jar's name with its folder; equal texts for equal content. */
        public Map<String, String> digests() {
            Map<String, String> digests = new TreeMap<>();
            jars.forEach(jar -> digests.put(jar.name(), jar.digest()));
            faults.forEach(fault -> digests.put(fault.file(), fault.cause()));
            return digests;
        }
    }

    /** @param folder it need not exist */
    public PluginFolder(Path folder) {
        // An eighth of the memory, because jars of two generations may be there at the same time.
        this(folder, Runtime.getRuntime().maxMemory() / 8);
    }

    /** @param mostUnpacked the bound for the entries of all jars together, in bytes */
    PluginFolder(Path folder, long mostUnpacked) {
        this.folder = folder;
        this.name = (folder.getFileName() == null ? folder : folder.getFileName()) + "/";
        this.mostUnpacked = mostUnpacked;
    }

    /**
     * Returns the state of each jar without reading it, by the jar's name with its folder: where the file really is (Kubernetes changes where a
     * link leads), its size and the time of the last change.
     */
    public Map<String, String> stamps() {
        Map<String, String> stamps = new TreeMap<>();
        try {
            for (Path jar : jars()) {
                stamps.put(name + jar.getFileName(), stamp(jar));
            }
        } catch (IOException e) {
            stamps.put(name, reason(folder, e));
        }
        return stamps;
    }

    private static String stamp(Path jar) {
        try {
            BasicFileAttributes attributes = Files.readAttributes(jar, BasicFileAttributes.class);
            String refusal = BoundedFile.refusal(attributes, MOST_BYTES);
            return jar.toRealPath() + " " + attributes.fileKey() + " "
                    + (refusal == null ? attributes.size() + " " + attributes.lastModifiedTime() : refusal);
        } catch (IOException e) {
            return reason(jar, e);
        }
    }

    /** Reads all jars. */
    public Contents read() {
        List<PluginJar> read = new ArrayList<>();
        List<RouteFault> faults = new ArrayList<>();
        try {
            List<Path> jars = jars();
            if (jars.size() > MOST_JARS) {
                return new Contents(List.of(), List.of(RouteFault.ofPart(name, "the folder holds more than " + MOST_JARS + " files " + PATTERN)));
            }
            long left = mostUnpacked;
            for (Path jar : jars) {
                String jarName = name + jar.getFileName();
                try {
                    PluginJar plugin = PluginJar.read(jarName, BoundedFile.read(jar, MOST_BYTES), left);
                    left -= plugin.weight();
                    read.add(plugin);
                } catch (IOException e) {
                    faults.add(RouteFault.ofPart(jarName, reason(jar, e)));
                }
            }
        } catch (IOException e) {
            faults.add(RouteFault.ofPart(name, "the folder cannot be read: " + reason(folder, e)));
        }
        return new Contents(read, faults);
    }

    /** Returns the jars in the order of their names; one more than may be at most. */
    private List<Path> jars() throws IOException {
        List<Path> jars = new ArrayList<>();
        try (DirectoryStream<Path> files = Files.newDirectoryStream(folder, PATTERN)) {
            for (Path file : files) {
                jars.add(file);
                if (jars.size() > MOST_JARS) {
                    break;
                }
            }
        } catch (NoSuchFileException e) {
            return List.of();
        } catch (DirectoryIteratorException e) {
            throw e.getCause();
        }
        jars.sort(Comparator.comparing(Path::getFileName));
        return jars;
    }

    private static String reason(Path file, IOException failure) {
        return failure instanceof NotDirectoryException ? "it is no folder" : Denied.reason(file, failure);
    }
}
