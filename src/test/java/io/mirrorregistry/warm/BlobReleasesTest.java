package io.mirrorregistry.warm;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.mirrorregistry.plan.Plan;
import io.mirrorregistry.protocol.Digest;
import io.mirrorregistry.protocol.RepositoryName;
import io.mirrorregistry.warm.queue.Store;
import io.mirrorregistry.warm.queue.StoreAwayException;
import java.lang.reflect.Proxy;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Blobs are given back to the queue, also if its database was away. */
class BlobReleasesTest {

    private static final Plan.Target HOT = new Plan.Target("hot", new RepositoryName("team/app"));
    private static final Digest BLOB = Digest.ofSha256(new byte[] {1});

    private final List<Object> released = new ArrayList<>();
    private boolean away;
    private final Store store = (Store) Proxy.newProxyInstance(Store.class.getClassLoader(), new Class<?>[] {Store.class}, (proxy, method, arguments) -> {
        assertEquals("released", method.getName());
        if (away) {
            throw new StoreAwayException("away");
        }
        released.add(arguments[1]);
        return null;
    });
    private final BlobReleases releases = new BlobReleases(store, "me");

    @Test
    void givesBackOnceTheDatabaseIsBack() throws StoreAwayException {
        away = true;
        releases.release(HOT, BLOB);
        assertThrows(StoreAwayException.class, releases::retry);
        away = false;

        releases.retry();
        releases.retry();

        assertEquals(List.of(BLOB), released);
    }

    @Test
    void givesNothingBackThatIsCopiedAgain() throws StoreAwayException {
        away = true;
        releases.release(HOT, BLOB);
        away = false;

        releases.claimed(HOT, BLOB);
        releases.retry();

        assertEquals(List.of(), released);
    }

    @Test
    void givesBackAtOnce() throws StoreAwayException {
        releases.release(HOT, BLOB);
        releases.retry();

        assertEquals(List.of(BLOB), released);
    }
}
