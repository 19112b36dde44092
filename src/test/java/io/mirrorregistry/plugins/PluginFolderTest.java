package io.mirrorregistry.plugins;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.mirrorregistry.plan.Strategy;
import io.mirrorregistry.reload.RouteFault;
import io.mirrorregistry.testing.TestPlugin;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Reading jars, and loading classes from what was read. */
class PluginFolderTest {

    private static final long MEGABYTE = 1024 * 1024;

    @TempDir
    private Path directory;

    private static List<String> faults(PluginFolder folder) {
        return folder.read().faults().stream().map(RouteFault::toString).toList();
    }

    private PluginFolder folder() {
        return new PluginFolder(directory, 64 * MEGABYTE);
    }

    private String here(String rest) {
        return directory.getFileName() + "/" + rest;
    }

    @Test
    void aMissingFolderIsEmptyAndAFileIsNone() throws IOException {
        PluginFolder missing = new PluginFolder(directory.resolve("none"));
        assertEquals(Map.of(), missing.stamps());
        assertEquals(Map.of(), missing.read().digests());
        PluginFolder file = new PluginFolder(Files.writeString(directory.resolve("file"), "text"));
        assertEquals(List.of("file/: the folder cannot be read: it is no folder"), faults(file));
        assertEquals(1, file.stamps().size());
    }

    @Test
    void readsWholeJarsAndSaysWhyOthersAreNone() throws IOException {
        TestPlugin.strategy("mine", "List.of()").writeTo(directory.resolve("a.jar"));
        byte[] whole = Files.readAllBytes(directory.resolve("a.jar"));
        Files.writeString(directory.resolve("b.jar"), "hello");
        Files.write(directory.resolve("c.jar"), Arrays.copyOf(whole, whole.length / 2));
        Files.createDirectory(directory.resolve("d.jar"));
        Files.createSymbolicLink(directory.resolve("e.jar"), Path.of("nowhere"));
        Files.write(directory.resolve("f.jar"), new byte[(int) (20 * MEGABYTE + 1)]);
        byte[] damaged = whole.clone();
        damaged[whole.length / 3] ^= 1;
        Files.write(directory.resolve("g.jar"), damaged);
        Files.writeString(directory.resolve("readme.txt"), "no jar");
        PluginFolder.Contents contents = folder().read();
        assertEquals(List.of(here("a.jar")), contents.jars().stream().map(PluginJar::name).toList());
        List<String> faults = contents.faults().stream().map(RouteFault::toString).toList();
        assertEquals(List.of(here("b.jar: it is no jar, or not a whole one"), here("c.jar: it is no jar, or not a whole one"), here("d.jar: Is a directory"),
                here("e.jar: there is no such file"), here("f.jar: it is longer than 20971520 bytes")), faults.subList(0, 5));
        assertTrue(faults.get(5).startsWith(here("g.jar: it is no jar: ")), faults.get(5));
        assertEquals(6, faults.size());
        assertEquals(7, contents.digests().size());
    }

    @Test
    void boundsTheNumberOfJarsAndWhatTheyUnpackTo() throws IOException {
        TestPlugin.write(directory.resolve("a.jar"), Map.of("zeros", new byte[(int) MEGABYTE]));
        assertEquals(List.of(here("a.jar: it unpacks to more than the 1048576 bytes of memory that are left for plug-ins")), faults(new PluginFolder(directory, MEGABYTE)));
        assertEquals(List.of(), faults(folder()));
        for (int i = 1; i < 20; i++) {
            TestPlugin.write(directory.resolve(i + ".jar"), Map.of("x", new byte[1]));
        }
        assertEquals(List.of(), faults(folder()));
        TestPlugin.write(directory.resolve("20.jar"), Map.of("x", new byte[1]));
        assertEquals(List.of(here(": the folder holds more than 20 files *.jar")), faults(folder()));
    }

    @Test
    void aChangedJarHasAnotherStampAndAnotherDigest() throws IOException {
        Path jar = directory.resolve("a.jar");
        TestPlugin.write(jar, Map.of("x", new byte[1]));
        Map<String, String> stamps = folder().stamps();
        Map<String, String> digests = folder().read().digests();
        assertEquals(stamps, folder().stamps());
        TestPlugin.write(jar, Map.of("x", new byte[100]));
        assertNotEquals(stamps, folder().stamps());
        assertNotEquals(digests, folder().read().digests());
        Files.delete(jar);
        assertEquals(Map.of(), folder().stamps());
    }

    @Test
    void aLoaderReadsWhatTheJarHeldUntilItIsClosed() throws Exception {
        Path jar = directory.resolve("a.jar");
        TestPlugin.strategy("mine", "new Later().order()").library("Later", "", "List<String> order() { return List.of(\"late\"); }").writeTo(jar);
        byte[] random = new byte[5000];
        new Random(1).nextBytes(random);
        PluginLoader loader = new PluginLoader(folder().read().jars().get(0), Strategy.class.getClassLoader());
        Strategy strategy = (Strategy) loader.loadClass("plug.Mine").getConstructor().newInstance();
        Files.write(jar, random);
        assertEquals(List.of("late"), strategy.order(null, null));
        assertEquals("plug", strategy.getClass().getPackageName());
        loader.close();
        assertThrows(ClassNotFoundException.class, () -> loader.loadClass("plug.Other"));
        assertNull(loader.findResource("plug/Mine.class"));
    }

    @Test
    void aLoaderHasResourcesOfAnyName() throws Exception {
        byte[] content = "content".getBytes(StandardCharsets.UTF_8);
        List<String> names = List.of("data.txt", "a folder/with spaces & 100%.txt", "ümlaut+plus.txt", "question?.txt");
        Map<String, byte[]> entries = new HashMap<>();
        names.forEach(name -> entries.put(name, content));
        TestPlugin.write(directory.resolve("a.jar"), entries);
        try (PluginLoader loader = new PluginLoader(folder().read().jars().get(0), Strategy.class.getClassLoader())) {
            for (String name : names) {
                try (InputStream in = loader.getResourceAsStream(name)) {
                    assertArrayEquals(content, in.readAllBytes(), name);
                }
                assertEquals(1, Collections.list(loader.getResources(name)).size());
            }
            assertNull(loader.getResourceAsStream("none.txt"));
            assertNull(loader.getResourceAsStream("../none.txt"));
        }
    }
}
