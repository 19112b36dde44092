package io.mirrorregistry.warm.list;

import static org.junit.jupiter.api.Assertions.assertEquals;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.AppenderBase;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.FileTime;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.slf4j.LoggerFactory;


@Timeout(60)
class WarmFileKeeperTest {

    private static final String ONE = "images: [{name: one, tags: a}]\n";
    private static final String TWO = "images: [{name: two, tags: a}]\n";
    private static final String WRONG = "images: [{name: Two, tags: a}, {name: b, tags: []}]\n";

    @TempDir
    private Path folder;
    private Path file;
    private WarmFileKeeper keeper;
    private final List<String> warnings = new CopyOnWriteArrayList<>();
    private final AppenderBase<ILoggingEvent> log = new AppenderBase<>() {

        @Override
        protected void append(ILoggingEvent event) {
            if (event.getLevel() == Level.WARN && event.getFormattedMessage().contains(folder.toString())) {
                warnings.add(event.getFormattedMessage());
            }
        }
    };

    @BeforeEach
    void listen() {
        file = folder.resolve("warm.yaml");
        Logger logger = (Logger) LoggerFactory.getLogger(WarmFileKeeper.class);
        log.setContext(logger.getLoggerContext());
        log.start();
        // Mirrors of other tests may have set another one.
        logger.setLevel(Level.WARN);
        logger.addAppender(log);
    }

    @AfterEach
    void close() {
        Logger logger = (Logger) LoggerFactory.getLogger(WarmFileKeeper.class);
        logger.setLevel(null);
        logger.detachAppender(log);
        if (keeper != null) {
            keeper.close();
        }
    }

    private void start() {
        keeper = new WarmFileKeeper(file);
    }

    /** Looks until a change has rested. */
    private void check() {
        for (int i = 0; i < 3; i++) {
            keeper.check();
        }
    }

    private String name() {
        return keeper.list().entries().get(0).name();
    }

    @Test
    void aChangedFileIsUsed() throws Exception {
        Files.writeString(file, ONE);
        start();
        assertEquals("one", name());
        check();
        Files.writeString(file, TWO);
        check();
        assertEquals("two", name());
        assertEquals(Optional.empty(), keeper.problem());
    }

    @Test
    void theFileIsWatched() throws Exception {
        Files.writeString(file, ONE);
        start();
        keeper.watch();
        Files.writeString(file, TWO);
        while (!name().equals("two")) {
            Thread.sleep(20);
        }
    }

    @Test
    void aFileWithFaultsChangesNothingAndIsLoggedOnce() throws Exception {
        Files.writeString(file, ONE);
        start();
        Files.writeString(file, WRONG);
        check();
        String why = file + ":1:17: Two is no name of an image: names are in lower case (and 1 more)";
        assertEquals(Optional.of(why), keeper.problem());
        assertEquals("one", name());
        Files.writeString(file, WRONG + "# still\n");
        check();
        assertEquals(List.of("The warm file is refused, the last good list is used: " + why), warnings);
        Files.writeString(file, ONE);
        check();
        assertEquals(Optional.empty(), keeper.problem());
        assertEquals("one", name());
    }

    /** As Kubernetes does it: the file is a link into a folder that is a link, and the latter is replaced. */
    @Test
    void theSwapOfAMountedFolderIsNoticed() throws Exception {
        swap("first", ONE);
        Files.createSymbolicLink(file, Path.of("..data/warm.yaml"));
        start();
        check();
        assertEquals("one", name());
        swap("second", TWO);
        check();
        assertEquals("two", name());
    }

    /** Both files are as old and as long as the other, so that only their places differ. */
    private void swap(String version, String text) throws IOException {
        Path data = Files.createDirectory(folder.resolve("..version-" + version));
        Files.setLastModifiedTime(Files.writeString(data.resolve("warm.yaml"), text), FileTime.fromMillis(0));
        Files.createSymbolicLink(folder.resolve("..data_tmp"), data.getFileName());
        Files.move(folder.resolve("..data_tmp"), folder.resolve("..data"), StandardCopyOption.ATOMIC_MOVE);
    }

    @Test
    void aFileThatIsGoneChangesNothingUntilItIsBack() throws Exception {
        Files.writeString(file, ONE);
        start();
        Files.delete(file);
        check();
        assertEquals(Optional.of(file + ": there is no such file"), keeper.problem());
        assertEquals("one", name());
        Files.writeString(file, TWO);
        check();
        assertEquals("two", name());
        assertEquals(Optional.empty(), keeper.problem());
    }

    @Test
    void aFileWithFaultsAtTheStartIsAnEmptyListUntilItIsMended() throws Exception {
        Files.writeString(file, WRONG);
        start();
        String why = file + ":1:17: Two is no name of an image: names are in lower case (and 1 more)";
        assertEquals(Optional.of(why), keeper.problem());
        assertEquals(List.of(), keeper.list().entries());
        assertEquals(List.of("The warm file is refused, the last good list is used: " + why), warnings);
        Files.writeString(file, ONE);
        check();
        assertEquals("one", name());
        assertEquals(Optional.empty(), keeper.problem());
    }

    @Test
    void aFileThatIsMissingAtTheStartIsUsedOnceItIsThere() throws Exception {
        start();
        assertEquals(Optional.of(file + ": there is no such file"), keeper.problem());
        Files.writeString(file, ONE);
        check();
        assertEquals("one", name());
    }
}
