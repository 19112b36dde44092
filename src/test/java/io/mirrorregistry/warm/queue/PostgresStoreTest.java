package io.mirrorregistry.warm.queue;

import io.mirrorregistry.config.StoreSettings;
import io.mirrorregistry.testing.PostgresServer;

/** The store in PostgreSQL. */
class PostgresStoreTest extends StoreContract {

    @Override
    StoreSettings newDatabase() {
        return PostgresServer.shared().newDatabase();
    }
}
