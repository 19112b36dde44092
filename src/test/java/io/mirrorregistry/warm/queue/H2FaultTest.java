package io.mirrorregistry.warm.queue;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What happens to the file of the store: ends of processes, damage, missing permissions, full disks. */
class H2FaultTest {

    private static final String ONE = StoreContract.ONE;

    @TempDir
    Path folder;
    private Path name;
    private Path file;
    private JdbcStore store;

    @BeforeEach
    void open() {
        name = folder.resolve("data").resolve("mirror");
        file = folder.resolve("data").resolve("mirror.mv.db");
        store = new JdbcStore(H2StoreTest.settings(name), ONE);
    }

    @AfterEach
    void close() throws IOException {
        store.close();
        if (Files.exists(name.getParent())) {
            Files.setPosixFilePermissions(name.getParent(), PosixFilePermissions.fromString("rwx------"));
        }
    }

    private void reopen() {
        store.close();
        store = new JdbcStore(H2StoreTest.settings(name), ONE);
    }

    private List<String> files() throws IOException {
        try (Stream<Path> files = Files.list(name.getParent())) {
            return files.map(path -> path.getFileName().toString()).sorted().toList();
        }
    }

    /** Root may write all files unless it gives that up. */
    private String problemWithoutPrivileges() throws Exception {
        boolean root = "0".equals(Files.getAttribute(Path.of("/proc/self"), "unix:uid").toString());
        String[] before = root ? new String[] {"setpriv", "--bounding-set=-dac_override,-dac_read_search"} : new String[0];
        try (StoreProcess process = StoreProcess.start(name, folder.resolve("out"), StoreProcess.Command.PROBLEM, before)) {
            return String.join("\n", process.end());
        }
    }

    @Test
    void keepsEveryAdditionWhenTheProcessIsKilled() throws Exception {
        for (int kill = 0; kill < 3; kill++) {
            int least = 20 + 37 * kill;
            List<String> added;
            try (StoreProcess process = StoreProcess.start(name, folder.resolve("out"), StoreProcess.Command.ADD)) {
                StoreContract.await("additions", () -> process.lines().size() >= least);
                process.close();
                added = process.lines();
            }
            for (String id : added) {
                assertNotNull(store.find(Long.parseLong(id)), id);
            }
            assertTrue(added.size() >= least);
            assertEquals(0L, store.counts().get(State.RUNNING));
            assertNull(StoreContract.problem(store));
            reopen();
        }
    }

    @Test
    void endsTheLeasesOfAProcessThatIsGone() throws Exception {
        try (StoreProcess process = StoreProcess.start(name, folder.resolve("out"), StoreProcess.Command.CLAIM)) {
            StoreContract.await("the claim", () -> process.lines().contains("claimed"));
        }
        Item item = store.claim(ONE, "hot", Set.of());
        assertEquals("claimed", item.request().reference().value());
        assertEquals(0, item.attempts());
        assertEquals(new Store.Blob(true, null, "/upload/1", 17), store.claimBlob(StoreContract.HOT, StoreContract.DIGEST, ONE, null));
        assertTrue(store.claimLists(ONE));
        reopen();
        assertEquals(item.id(), store.claim(ONE, "hot", Set.of()).id(), "an earlier process may have had the same name");
        assertTrue(store.claimBlob(StoreContract.HOT, StoreContract.DIGEST, ONE, null).mine());
    }

    @Test
    void saysThatAnotherProcessHasTheFile() throws Exception {
        try (StoreProcess process = StoreProcess.start(name, folder.resolve("out"), StoreProcess.Command.CLAIM)) {
            StoreContract.await("the claim", () -> process.lines().contains("claimed"));
            String sentence = "The database file " + file + " is in use by another process: give each mirror a file of its own, or a PostgreSQL for all, in mirror.store.url";
            assertEquals(sentence, StoreContract.problem(store));
            assertEquals(sentence, assertThrows(StoreAwayException.class, () -> store.counts()).getMessage());
            assertTrue(process.isAlive());
        }
        StoreContract.await("the file", () -> StoreContract.problem(store) == null);
        assertEquals(2L, store.counts().get(State.WAITING));
    }

    @Test
    void leavesNothingButTheFile() throws Exception {
        store.add(StoreContract.request("1", Origin.PULL), false);
        assertEquals(List.of("mirror.mv.db"), files());
        store.close();
        assertEquals(List.of("mirror.mv.db"), files());
    }

    @Test
    void connectsAtTheFirstUse() throws Exception {
        assertFalse(Files.exists(name.getParent()));
        assertNull(StoreContract.problem(store));
        assertTrue(Files.exists(file));
    }

    @Test
    void saysThatTheFileIsDamaged() throws Exception {
        for (int i = 0; i < 50; i++) {
            store.add(StoreContract.request("t" + i, Origin.PULL), false);
        }
        store.close();
        byte[] whole = Files.readAllBytes(file);
        byte[] noise = new byte[whole.length];
        new Random(1).nextBytes(noise);
        byte[] head = whole.clone();
        System.arraycopy(noise, 0, head, 0, 12_000);
        byte[] body = whole.clone();
        System.arraycopy(noise, 0, body, 8192, body.length - 8192);
        for (byte[] damaged : List.of(noise, head, body, "this is no database".repeat(1000).getBytes(StandardCharsets.UTF_8))) {
            Files.write(file, damaged);
            store = new JdbcStore(H2StoreTest.settings(name), ONE);
            String problem = StoreContract.problem(store);
            assertTrue(problem.startsWith("The database file " + file + " is damaged: "), problem);
            assertTrue(problem.endsWith("; move it aside (its images are then copied when they are pulled again), then the mirror makes a new one"), problem);
            assertEquals(1, problem.lines().count());
            assertEquals(List.of("mirror.mv.db"), files());
            store.close();
            assertArrayEquals(damaged, Files.readAllBytes(file), "the file is as it was");
        }
        reopen();
        assertNotNull(StoreContract.problem(store));
        Files.move(file, folder.resolve("aside"));
        StoreContract.await("a new file", () -> StoreContract.problem(store) == null);
        assertEquals(0L, store.counts().get(State.WAITING));
    }

    @Test
    void saysThatTheFileOrFolderIsReadOnly() throws Exception {
        store.add(StoreContract.request("1", Origin.PULL), false);
        store.close();
        Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("r--------"));
        assertEquals("The database file " + file + " is read-only for this mirror: let its user write the file, or set another mirror.store.url", problemWithoutPrivileges());
        Files.delete(file);
        Files.setPosixFilePermissions(name.getParent(), PosixFilePermissions.fromString("r-x------"));
        assertEquals("The database file " + file + " cannot be made: the folder is read-only for this mirror", problemWithoutPrivileges());
        Files.setPosixFilePermissions(name.getParent(), PosixFilePermissions.fromString("rwx------"));
        assertEquals("none", problemWithoutPrivileges());
    }

    @Test
    void saysThatTheFolderCannotBeCreated() throws Exception {
        Files.writeString(name.getParent(), "a file");
        String problem = StoreContract.problem(store);
        assertTrue(problem.startsWith("The folder " + name.getParent() + " of the database file cannot be created: "), problem);
        Files.delete(name.getParent());
        StoreContract.await("the folder", () -> StoreContract.problem(store) == null);
    }

    @Test
    void saysThatTheDiskIsFull() throws Exception {
        // The limit is in kilobytes. Writing beyond it fails as on a full disk.
        try (StoreProcess process = StoreProcess.start(name, folder.resolve("out"), StoreProcess.Command.FILL, "bash", "-c", "ulimit -f 1000; exec \"$@\"", "bash")) {
            List<String> lines = process.end();
            assertEquals("The disk is full: the database file " + file + " cannot grow", lines.get(1));
            int added = Integer.parseInt(lines.get(0));
            assertTrue(added > 0, lines::toString);
            long there = store.counts().get(State.WAITING);
            assertTrue(there == added || there == added + 1, there + " of " + added);
        }
    }

    @Test
    void reopensADatabaseThatHasClosed() throws Exception {
        Item item = store.add(StoreContract.request("1", Origin.PULL), false);
        store.claim(ONE, "hot", Set.of());
        store.add(StoreContract.request("2", Origin.PULL), false);
        assertThrows(StoreAwayException.class, () -> store.database().write(connection -> Sql.update(connection, "SHUTDOWN IMMEDIATELY")));
        StoreContract.await("the file", () -> StoreContract.problem(store) == null);
        assertEquals(ONE, store.find(item.id()).owner(), "the item stays with the mirror that still runs");
    }

    @Test
    void keepsTheFileOpenWhenThreadsAreInterrupted() throws Exception {
        assertNull(StoreContract.problem(store));
        Thread worker = Thread.currentThread();
        AtomicBoolean ended = new AtomicBoolean();
        Thread interrupter = new Thread(() -> {
            while (!ended.get()) {
                worker.interrupt();
                LockSupport.parkNanos(200_000);
            }
        });
        interrupter.start();
        try {
            for (int i = 0; i < 500; i++) {
                store.add(StoreContract.request("t" + i, Origin.PULL), false);
            }
        } finally {
            ended.set(true);
            while (interrupter.isAlive()) {
                Thread.onSpinWait();
            }
            Thread.interrupted();
        }
        assertEquals(500L, store.counts().get(State.WAITING));
        assertEquals(1, store.database().connected());
    }

    @Test
    void worksInAFolderOfAnyName() throws Exception {
        JdbcStore odd = new JdbcStore(H2StoreTest.settings(folder.resolve("a b~é%20$").resolve("mirror.x")), ONE);
        assertNull(StoreContract.problem(odd));
        odd.close();
        assertTrue(Files.exists(folder.resolve("a b~é%20$").resolve("mirror.x.mv.db")));
    }

    @Test
    void readsOfADamagedFileFailWithASentence() throws Exception {
        for (int i = 0; i < 3000; i++) {
            store.add(StoreContract.request("t" + i, Origin.PULL), false);
        }
        reopen();
        assertNull(StoreContract.problem(store));
        try (RandomAccessFile bytes = new RandomAccessFile(file.toFile(), "rw")) {
            byte[] noise = new byte[4096];
            new Random(2).nextBytes(noise);
            for (long place = 16_384; place < bytes.length(); place += 8192) {
                bytes.seek(place);
                bytes.write(noise);
            }
        }
        byte[] damaged = Files.readAllBytes(file);
        String message = assertThrows(StoreAwayException.class, () -> {
            for (int i = 1; i <= 3000; i++) {
                store.find(i);
            }
        }).getMessage();
        assertTrue(message.startsWith("The database file " + file + " is damaged: "), message);
        assertEquals(message, StoreContract.problem(store));
        assertEquals(message, assertThrows(StoreAwayException.class, () -> store.add(StoreContract.request("more", Origin.PULL), false)).getMessage());
        store.close();
        assertArrayEquals(damaged, Files.readAllBytes(file), "the file is as it was");
        Files.move(file, folder.resolve("aside"));
        reopen();
        assertNull(StoreContract.problem(store));
    }
}
