package io.mirrorregistry.warm.queue;

import java.time.Duration;

/** Lets time pass for the entries of lists, by the clock of the database. */
public final class ListClock {

    private ListClock() {
    }

    public static void pass(JdbcStore store, Duration time) throws StoreAwayException {
        store.database().write(connection -> Sql.update(connection, "UPDATE warm_entry SET read_at = read_at - ?", time.toMillis()));
    }
}
