package io.mirrorregistry.warm.queue;

import io.mirrorregistry.config.StoreSettings;
import java.nio.file.Path;
import org.junit.jupiter.api.io.TempDir;

/** The store in a file. */
class H2StoreTest extends StoreContract {

    @TempDir
    Path folder;

    @Override
    StoreSettings newDatabase() {
        return settings(folder.resolve("data").resolve("mirror"));
    }

    static StoreSettings settings(Path file) {
        return new StoreSettings("jdbc:h2:file:" + file, file, "", "");
    }
}
