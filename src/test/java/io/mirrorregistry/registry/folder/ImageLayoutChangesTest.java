package io.mirrorregistry.registry.folder;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import io.mirrorregistry.protocol.Digest;
import io.mirrorregistry.protocol.RepositoryName;
import io.mirrorregistry.protocol.Tag;
import io.vertx.core.json.JsonObject;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.slf4j.LoggerFactory;

class ImageLayoutChangesTest {

    private static final RepositoryName HELLO = new RepositoryName("library/hello");
    private static final Tag LATEST = new Tag("latest");

    @TempDir
    Path directory;

    private final HandClock clock = new HandClock();
    private LayoutBuilder builder;
    private ImageLayout layout;

    @BeforeEach
    void setUp() {
        builder = new LayoutBuilder(directory);
        layout = new ImageLayout(directory, clock);
    }

    @Test
    void servesImagesPutIntoTheFolderWithoutRestart() throws Exception {
        builder.write();
        assertFalse(layout.hasRepository(HELLO));

        builder.name("library/hello:latest", builder.image("hello")).write();
        assertEquals(List.of("latest"), layout.tags(HELLO));

        builder.clear().write();
        assertFalse(layout.hasRepository(HELLO));
        assertEquals(Optional.empty(), layout.problem());
    }

    @Test
    void servesNothingOfALayoutThatUmociEmptied() throws Exception {
        builder.write(LayoutBuilder.bytes("{\"schemaVersion\":2,\"manifests\":null}"));
        assertFalse(layout.hasRepository(HELLO));
        assertEquals(Optional.empty(), layout.problem());
    }

    @Test
    void noticesChangeOfSameSizeAndFileByItsTime() throws Exception {
        builder.name("library/hello:one", builder.image("hello")).write();
        assertEquals(List.of("one"), layout.tags(HELLO));

        Path index = directory.resolve("index.json");
        FileTime before = Files.getLastModifiedTime(index);
        Files.writeString(index, builder.indexJson().replace("hello:one", "hello:two"));
        Files.setLastModifiedTime(index, FileTime.from(before.toInstant().plusNanos(1000)));

        assertEquals(List.of("two"), layout.tags(HELLO));
    }

    @Test
    void noticesChangeWithinTheTickOfACoarseClockALittleLater() throws Exception {
        builder.name("library/hello:one", builder.image("hello")).write();
        assertEquals(List.of("one"), layout.tags(HELLO));

        Path index = directory.resolve("index.json");
        FileTime before = Files.getLastModifiedTime(index);
        Files.writeString(index, builder.indexJson().replace("hello:one", "hello:two"));
        Files.setLastModifiedTime(index, before);
        clock.advance(CatalogKeeper.RECHECK);

        assertEquals(List.of("two"), layout.tags(HELLO));
    }

    @Test
    void readsNothingAgainWhileIndexStaysTheSame() throws Exception {
        JsonObject image = builder.image("hello");
        builder.name("library/hello:latest", image).write();
        Files.setLastModifiedTime(directory.resolve("index.json"), FileTime.from(Instant.now().minusSeconds(60)));
        StoredManifest first = layout.manifest(HELLO, LATEST).orElseThrow();

        Files.delete(builder.file(image));
        clock.advance(CatalogKeeper.RECHECK.multipliedBy(10));

        assertTrue(first == layout.manifest(HELLO, LATEST).orElseThrow());
    }

    @Test
    void remembersManifestsWhenIndexChanges() throws Exception {
        builder.name("library/hello:latest", builder.image("hello")).write();
        StoredManifest first = layout.manifest(HELLO, LATEST).orElseThrow();

        builder.name("library/hello:2", builder.image("two")).write();

        assertEquals(List.of("2", "latest"), layout.tags(HELLO));
        assertTrue(first == layout.manifest(HELLO, LATEST).orElseThrow());
    }

    @Test
    void keepsLastGoodCatalogWhenIndexIsHalfWritten() throws Exception {
        builder.name("library/hello:latest", builder.image("hello")).write();
        assertTrue(layout.manifest(HELLO, LATEST).isPresent());

        String whole = builder.name("library/hello:2", builder.image("two")).indexJson();
        builder.write(LayoutBuilder.bytes(whole.substring(0, whole.length() / 2)));
        assertTrue(layout.manifest(HELLO, LATEST).isPresent());
        assertEquals("The file " + directory.resolve("index.json") + " is damaged or only half written: "
                + "it is no JSON object of at most 33554432 bytes. What was read before is still served.",
                layout.problem().orElseThrow());

        builder.write();
        assertEquals(List.of("2", "latest"), layout.tags(HELLO));
        assertEquals(Optional.empty(), layout.problem());
    }

    @Test
    void keepsLastGoodCatalogWhenFolderGoesAway() throws Exception {
        builder.name("library/hello:latest", builder.image("hello")).write();
        assertTrue(layout.manifest(HELLO, LATEST).isPresent());

        Files.move(directory, directory.resolveSibling(directory.getFileName() + "-away"));
        try {
            assertTrue(layout.manifest(HELLO, LATEST).isPresent());
            assertTrue(layout.problem().orElseThrow().contains(" is missing. What was read before is still served."));
        } finally {
            Files.move(directory.resolveSibling(directory.getFileName() + "-away"), directory);
        }
    }

    @Test
    void tellsInOneSentenceThatFolderIsMissingAndServesItOnceItAppears() throws Exception {
        Path later = directory.resolve("later");
        layout = new ImageLayout(later, clock);
        assertFailsEverywhere("The folder of images " + later + " is missing.");

        builder = new LayoutBuilder(later);
        builder.name("library/hello:latest", builder.image("hello")).write();
        assertTrue(layout.manifest(HELLO, LATEST).isPresent());
        assertEquals(Optional.empty(), layout.problem());
    }

    @Test
    void tellsThatFolderIsNoLayout() throws Exception {
        Path other = Files.createDirectory(directory.resolve("other"));
        layout = new ImageLayout(other, clock);
        assertFailsEverywhere("The folder " + other + " is no OCI image layout: it has no file oci-layout.");
    }

    @Test
    void tellsThatLayoutIsOfAnotherVersion() throws Exception {
        builder.write();
        Files.writeString(directory.resolve("oci-layout"), "{\"imageLayoutVersion\":\"2.0.0\"}");
        assertFailsEverywhere("The folder " + directory
                + " is no OCI image layout of version 1: its oci-layout says \"2.0.0\".");
    }

    @Test
    void tellsThatIndexHasNoManifests() {
        builder.write(LayoutBuilder.bytes("{\"schemaVersion\":2}"));
        assertFailsEverywhere("The file " + directory.resolve("index.json") + " is no OCI index: it has no manifests.");
    }

    @Test
    void servesFolderWhoseMarkerIsCopiedAfterItsIndex() throws Exception {
        builder.name("library/hello:latest", builder.image("hello")).write();
        Path marker = directory.resolve("oci-layout");
        Path away = Files.move(marker, directory.resolve("away"));
        assertThrows(ImageLayoutException.class, () -> layout.tags(HELLO));

        Files.move(away, marker);
        clock.advance(CatalogKeeper.RECHECK);
        assertEquals(List.of("latest"), layout.tags(HELLO));
    }

    @Test
    void servesImageWhoseBlobIsCopiedAfterTheIndex() throws Exception {
        JsonObject image = builder.image("hello");
        builder.name("library/hello:latest", image).write();
        Files.setLastModifiedTime(directory.resolve("index.json"), FileTime.from(Instant.now().minusSeconds(60)));
        Path away = Files.move(builder.file(image), directory.resolve("away"));
        assertFalse(layout.hasRepository(HELLO));

        Files.move(away, builder.file(image));
        clock.advance(CatalogKeeper.RECHECK);
        assertTrue(layout.hasRepository(HELLO));
        assertEquals(Optional.empty(), layout.problem());
    }

    @Test
    void looksLessOftenAtDamageInAFolderThatTakesLongToRead() throws Exception {
        Duration readTime = Duration.ofSeconds(1);
        AtomicInteger looks = new AtomicInteger();
        layout = new ImageLayout(directory, () -> {
            if (looks.incrementAndGet() == 2) {
                clock.advance(readTime);
            }
            return clock.instant();
        });
        JsonObject image = builder.image("hello");
        builder.name("library/hello:latest", image).write();
        Path away = Files.move(builder.file(image), directory.resolve("away"));
        assertFalse(layout.hasRepository(HELLO));

        Files.move(away, builder.file(image));
        clock.advance(readTime.multipliedBy(CatalogKeeper.REST).minusSeconds(1));
        assertFalse(layout.hasRepository(HELLO));
        clock.advance(Duration.ofSeconds(1));
        assertTrue(layout.hasRepository(HELLO));
    }

    @Test
    void tellsOfBlobThatVanishedAndThenLeavesItsImageOut() throws Exception {
        JsonObject manifest = builder.imageManifest("hello");
        builder.name("library/hello:latest", builder.manifest(manifest)).write();
        JsonObject layer = manifest.getJsonArray("layers").getJsonObject(0);
        assertTrue(layout.blob(HELLO, LayoutBuilder.digest(layer)).isPresent());

        Files.writeString(builder.file(layer), "longer than before");
        ImageLayoutException e = assertThrows(ImageLayoutException.class,
                () -> layout.blob(HELLO, LayoutBuilder.digest(layer)));
        assertEquals("In the folder of images, blob " + layer.getString("digest") + " has 18 bytes instead of 5.",
                e.getMessage());
        assertFalse(layout.hasRepository(HELLO));
        assertTrue(layout.problem().orElseThrow().startsWith("library/hello:latest is left out: blob sha256:"));
    }

    @Test
    void logsEachChangeOnceInOneLine() throws Exception {
        ListAppender<ILoggingEvent> appender = new ListAppender<>();
        Logger logger = (Logger) LoggerFactory.getLogger(ImageLayout.class);
        logger.addAppender(appender);
        logger.setLevel(Level.INFO);
        appender.start();
        try {
            JsonObject image = builder.image("hello");
            builder.name("library/hello:latest", image).name("line\nbreak:\r1\u2028", image).write();
            for (int i = 0; i < 3; i++) {
                layout.tags(HELLO);
                clock.advance(CatalogKeeper.RECHECK);
            }
            builder.clear().name("library/hello:latest", image).write();
            layout.tags(HELLO);
            layout.tags(HELLO);
        } finally {
            logger.detachAppender(appender);
            logger.setLevel(null);
        }
        assertEquals(List.of("Folder of images: images 1, repositories 1. \"line?break:?1?\" is left out: "
                + "nobody can ask for that name, it should be like library/hello:latest.",
                "Folder of images: images 1, repositories 1."),
                appender.list.stream().map(ILoggingEvent::getFormattedMessage).toList());
    }

    @Test
    @Timeout(value = 30, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
    void othersGoOnWithLastGoodCatalogWhileOneThreadReads() throws Exception {
        CountDownLatch reads = new CountDownLatch(1);
        CountDownLatch goOn = new CountDownLatch(1);
        AtomicInteger looksOfReader = new AtomicInteger();
        Thread[] reader = new Thread[1];
        InstantSource stopping = () -> {
            if (Thread.currentThread() == reader[0] && looksOfReader.incrementAndGet() == 2) {
                reads.countDown();
                try {
                    goOn.await();
                } catch (InterruptedException e) {
                    throw new IllegalStateException(e);
                }
            }
            return clock.instant();
        };
        layout = new ImageLayout(directory, stopping);
        builder.name("library/hello:one", builder.image("hello")).write();
        assertEquals(List.of("one"), layout.tags(HELLO));
        builder.name("library/hello:two", builder.image("hello")).write();

        ExecutorService executor = Executors.newSingleThreadExecutor(task -> reader[0] = new Thread(task));
        try {
            Future<List<String>> read = executor.submit(() -> layout.tags(HELLO));
            reads.await();
            assertEquals(List.of("one"), layout.tags(HELLO));
            goOn.countDown();
            assertEquals(List.of("one", "two"), read.get());
            assertEquals(List.of("one", "two"), layout.tags(HELLO));
        } finally {
            goOn.countDown();
            executor.shutdownNow();
        }
    }

    @Test
    @Timeout(60)
    void neverMissesAnImageWhileOthersAreAdded() throws Exception {
        JsonObject image = builder.image("hello");
        builder.name("library/hello:latest", image).write();
        layout = new ImageLayout(directory);
        CountDownLatch done = new CountDownLatch(1);
        Callable<Integer> puller = () -> {
            int pulls = 0;
            do {
                assertTrue(layout.manifest(HELLO, LATEST).isPresent());
                assertTrue(layout.blob(HELLO, LayoutBuilder.digest(image)).isPresent());
                pulls++;
            } while (done.getCount() > 0);
            return pulls;
        };
        ExecutorService executor = Executors.newFixedThreadPool(4);
        try {
            List<Future<Integer>> pulls = Stream.generate(() -> executor.submit(puller)).limit(4).toList();
            for (int i = 0; i < 200; i++) {
                builder.name("library/hello:" + i, builder.image("image " + i)).write();
            }
            done.countDown();
            for (Future<Integer> each : pulls) {
                assertTrue(each.get() > 0);
            }
        } finally {
            done.countDown();
            executor.shutdownNow();
        }
        assertEquals(201, layout.tags(HELLO).size());
    }

    private void assertFailsEverywhere(String message) {
        for (Callable<?> call : List.<Callable<?>>of(() -> layout.manifest(HELLO, LATEST),
                () -> layout.blob(HELLO, Digest.ofSha256(new byte[0])),
                () -> layout.tags(HELLO), () -> layout.hasRepository(HELLO),
                () -> layout.referrers(HELLO, Digest.ofSha256(new byte[0])))) {
            assertEquals(message, assertThrows(ImageLayoutException.class, call::call).getMessage());
        }
        assertEquals(Optional.of(message), layout.problem());
        assertEquals(0, layout.size());
    }
}
