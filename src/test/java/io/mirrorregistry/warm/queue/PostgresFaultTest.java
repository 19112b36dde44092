package io.mirrorregistry.warm.queue;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.mirrorregistry.config.StoreSettings;
import io.mirrorregistry.testing.PostgresServer;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Mirrors that share PostgreSQL, and what happens while it cannot be used. */
class PostgresFaultTest {

    private static final String ONE = StoreContract.ONE;
    private static final String TWO = StoreContract.TWO;

    private final List<JdbcStore> stores = new ArrayList<>();
    private PostgresServer server;

    @BeforeEach
    void start() {
        server = PostgresServer.shared();
    }

    @AfterEach
    void close() {
        stores.forEach(JdbcStore::close);
    }

    private JdbcStore store(StoreSettings settings, String owner) {
        JdbcStore store = new JdbcStore(settings, owner);
        stores.add(store);
        return store;
    }

    private String problem(String database, String user, String password) throws Exception {
        JdbcStore store = store(server.settings(database, user, password), ONE);
        String problem = StoreContract.problem(store);
        assertNotNull(problem);
        assertEquals(problem, assertThrows(StoreAwayException.class, () -> store.claim(ONE, "hot", Set.of())).getMessage());
        assertEquals(1, problem.lines().count());
        assertFalse(problem.contains(password), problem);
        return problem;
    }

    private static String database(StoreSettings settings) {
        return settings.url().substring(settings.url().lastIndexOf('/') + 1);
    }

    @Test
    void mirrorsThatStartAtOnceMakeTheTablesTogether() throws Exception {
        for (int i = 0; i < 3; i++) {
            StoreSettings settings = server.newDatabase();
            List<Item> items = StoreContract.inThreads(6, thread -> store(settings, "mirror-" + thread).add(StoreContract.request("1", Origin.PULL), false));
            assertEquals(1, items.stream().map(Item::id).distinct().count());
            stores.forEach(JdbcStore::close);
            stores.clear();
        }
    }

    @Test
    void eachItemIsClaimedByOneMirror() throws Exception {
        StoreSettings settings = server.newDatabase();
        JdbcStore one = store(settings, ONE);
        JdbcStore two = store(settings, TWO);
        for (int i = 0; i < 200; i++) {
            (i % 2 == 0 ? one : two).add(StoreContract.request("t" + i, Origin.values()[i % 3]), false);
        }
        List<List<Long>> claimed = StoreContract.claimAll(8, one, two);
        List<Long> ids = claimed.stream().flatMap(List::stream).toList();
        assertEquals(200, ids.size());
        assertEquals(200, new HashSet<>(ids).size());
        List<Store.Blob> blobs = StoreContract.inThreads(8, thread -> (thread % 2 == 0 ? one : two).claimBlob(StoreContract.HOT, StoreContract.DIGEST, thread % 2 == 0 ? ONE : TWO, null));
        assertEquals(1, blobs.stream().filter(Store.Blob::mine).count());
    }

    @Test
    void aMirrorThatStartsLeavesTheItemsOfOthersAlone() throws Exception {
        StoreSettings settings = server.newDatabase();
        JdbcStore one = store(settings, ONE);
        one.add(StoreContract.request("1", Origin.PULL), false);
        Item item = one.claim(ONE, "hot", Set.of());
        assertNull(store(settings, TWO).claim(TWO, "hot", Set.of()));
        assertEquals(Set.of(item.id()), one.renew(ONE, List.of(new Store.Progress(item.id(), 1, 1)), List.of()));
    }

    @Test
    void worksAgainAfterTheServerWasAway() throws Exception {
        JdbcStore store = store(server.newDatabase(), ONE);
        Item item = store.add(StoreContract.request("1", Origin.PULL), false);
        server.stop();
        try {
            long start = System.nanoTime();
            String message = assertThrows(StoreAwayException.class, () -> store.add(StoreContract.request("2", Origin.PULL), false)).getMessage();
            assertTrue(message.startsWith("PostgreSQL cannot be reached ("), message);
            assertEquals(message, StoreContract.problem(store));
            for (int i = 0; i < 20; i++) {
                assertThrows(StoreAwayException.class, () -> store.claim(ONE, "hot", Set.of()));
            }
            Duration took = Duration.ofNanos(System.nanoTime() - start);
            assertTrue(took.compareTo(Duration.ofSeconds(10)) < 0, "threads do not hang, but all of it took " + took);
        } finally {
            server.start();
        }
        StoreContract.await("the server", () -> StoreContract.problem(store) == null);
        assertEquals(item.id(), store.claim(ONE, "hot", Set.of()).id());
    }

    @Test
    void aRestartInTheMiddleOfWorkLosesNothing() throws Exception {
        JdbcStore store = store(server.newDatabase(), ONE);
        Set<Long> added = new HashSet<>();
        List<Set<Long>> results = StoreContract.inThreads(3, thread -> {
            Set<Long> ids = new HashSet<>();
            if (thread == 2) {
                StoreContract.await("additions", () -> store.counts().get(State.WAITING) > 20);
                server.stop();
                server.start();
                return ids;
            }
            for (int i = 0; i < 300; i++) {
                String tag = "t" + thread + "-" + i;
                ids.add(StoreContract.await("the server", () -> {
                    try {
                        return store.add(StoreContract.request(tag, Origin.PULL), false).id();
                    } catch (StoreAwayException e) {
                        return null;
                    }
                }));
            }
            return ids;
        });
        results.forEach(added::addAll);
        assertEquals(600, added.size());
        assertEquals(600L, store.counts().get(State.WAITING));
    }

    @Test
    void endedConnectionsAreReplaced() throws Exception {
        StoreSettings settings = server.newDatabase();
        JdbcStore store = store(settings, ONE);
        for (int i = 0; i < 20; i++) {
            store.add(StoreContract.request("t" + i, Origin.PULL), false);
            server.execute("postgres", "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '" + database(settings) + "'");
        }
        assertEquals(20L, store.counts().get(State.WAITING));
    }

    @Test
    void saysWhatIsWrong() throws Exception {
        String name = database(server.newDatabase());
        String wrong = problem(name, PostgresServer.USER, "wrong-pw");
        assertEquals("PostgreSQL refuses the user or the password: check mirror.store.username and mirror.store.password"
                + " (FATAL: password authentication failed for user \"mirror\")", wrong);
        assertEquals("The database does not exist: create it, or change mirror.store.url (FATAL: database \"nowhere\" does not exist)",
                problem("nowhere", PostgresServer.USER, PostgresServer.PASSWORD));
        server.execute("postgres", "CREATE USER guest PASSWORD 'guest-pw'");
        server.execute(name, "REVOKE ALL ON SCHEMA public FROM PUBLIC");
        server.execute(name, "GRANT USAGE ON SCHEMA public TO guest");
        String denied = problem(name, "guest", "guest-pw");
        assertTrue(denied.startsWith("PostgreSQL does not permit the user to make or use the tables: "), denied);
        server.execute("postgres", "ALTER DATABASE " + name + " SET default_transaction_read_only = on");
        String readOnly = problem(name, PostgresServer.USER, PostgresServer.PASSWORD);
        assertTrue(readOnly.startsWith("The database is read-only: "), readOnly);
        StoreSettings unknown = new StoreSettings("jdbc:postgresql://no-such-host.invalid:5432/" + name, null, "u", "p");
        assertEquals("The host name of PostgreSQL is not known: check mirror.store.url (" + unknown.url() + ")", StoreContract.problem(store(unknown, ONE)));
    }

    @Test
    void worksForAUserThatMayNotMakeTablesIfTheyAreThere() throws Exception {
        StoreSettings settings = server.newDatabase();
        store(settings, ONE).add(StoreContract.request("1", Origin.PULL), false);
        String name = database(settings);
        server.execute("postgres", "CREATE USER clerk PASSWORD 'clerk-pw'");
        server.execute(name, "REVOKE ALL ON SCHEMA public FROM PUBLIC");
        server.execute(name, "GRANT USAGE ON SCHEMA public TO clerk");
        server.execute(name, "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO clerk");
        JdbcStore clerk = store(server.settings(name, "clerk", "clerk-pw"), TWO);
        assertNull(StoreContract.problem(clerk));
        assertNotNull(clerk.claim(TWO, "hot", Set.of()));
    }

    @Test
    void aServerThatDoesNotAnswerHoldsNoThreadForLong() throws Exception {
        try (ServerSocket silent = new ServerSocket(0, 50, InetAddress.getLoopbackAddress())) {
            JdbcStore store = store(new StoreSettings("jdbc:postgresql://127.0.0.1:" + silent.getLocalPort() + "/x", null, "u", "p"), ONE);
            long start = System.nanoTime();
            List<String> problems = StoreContract.inThreads(4, thread -> assertThrows(StoreAwayException.class, () -> store.claim(ONE, "hot", Set.of())).getMessage());
            Duration took = Duration.ofNanos(System.nanoTime() - start);
            assertTrue(took.compareTo(Duration.ofSeconds(12)) < 0, took::toString);
            problems.forEach(problem -> assertTrue(problem.startsWith("PostgreSQL "), problem));
        }
    }

    @Test
    void aLockedTableHoldsNoThreadForLong() throws Exception {
        StoreSettings settings = server.newDatabase();
        JdbcStore store = store(settings, ONE);
        store.add(StoreContract.request("1", Origin.PULL), false);
        JdbcStore other = store(settings, TWO);
        other.database().write(connection -> {
            Sql.update(connection, "LOCK TABLE warm_item");
            long start = System.nanoTime();
            assertEquals("PostgreSQL did not answer a query within 5 s", assertThrows(StoreAwayException.class, () -> store.counts()).getMessage());
            assertTrue(System.nanoTime() - start < Duration.ofSeconds(8).toNanos());
            return null;
        });
        assertEquals(1L, store.counts().get(State.WAITING));
        StoreContract.await("the store", () -> StoreContract.problem(store) == null);
    }

    @Test
    void makesTheTablesAgainAfterTheSchemaWasDropped() throws Exception {
        StoreSettings settings = server.newDatabase();
        JdbcStore store = store(settings, ONE);
        store.add(StoreContract.request("1", Origin.PULL), false);
        server.execute(database(settings), "DROP SCHEMA public CASCADE");
        server.execute(database(settings), "CREATE SCHEMA public");
        assertEquals(0L, store.counts().get(State.WAITING));
        assertNotNull(store.add(StoreContract.request("1", Origin.PULL), false));
    }
}
