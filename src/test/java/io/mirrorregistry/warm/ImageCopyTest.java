package io.mirrorregistry.warm;

import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.mirrorregistry.plan.Plan;
import io.mirrorregistry.protocol.Digest;
import io.mirrorregistry.protocol.RepositoryName;
import io.mirrorregistry.registry.RegistryTroubleException;
import io.mirrorregistry.warm.CopyFailedException.Reason;
import io.mirrorregistry.warm.queue.CopyRequest;
import io.mirrorregistry.warm.queue.Item;
import io.mirrorregistry.warm.queue.Origin;
import io.mirrorregistry.warm.queue.State;
import java.time.Instant;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** After which attempts an image gets its tag although what refers to it cannot be copied. */
class ImageCopyTest {

    private static ImageCopy copy(int attempts, boolean allSources) {
        Plan.Target there = new Plan.Target("hot", new RepositoryName("team/app"));
        CopyRequest request = new CopyRequest(there, Digest.ofSha256(new byte[] {1}), Set.of(), "team/app", List.of(), List.of(), Origin.PULL);
        Item item = new Item(1, request, State.RUNNING, null, attempts, null, "one", 0, 0, null, null, Instant.EPOCH, Instant.EPOCH, null);
        return new ImageCopy(item, null, null, allSources, null, null, null);
    }

    @ParameterizedTest
    @EnumSource(value = Reason.class, names = {"DIGEST", "PROTOCOL", "DENIED"})
    void leavesAReferrerOutAtTheSixthAttempt(Reason reason) {
        CopyFailedException failure = new CopyFailedException(reason, "No.");
        assertThrows(CopyFailedException.class, () -> copy(4, true).referrerFailed(failure));
        assertDoesNotThrow(() -> copy(5, true).referrerFailed(failure));
    }

    @Test
    void leavesAReferrerOutAtOnceThatNoSourceHas() {
        CopyFailedException failure = new CopyFailedException(Reason.NOT_FOUND, "No.");
        assertDoesNotThrow(() -> copy(0, true).referrerFailed(failure));
        assertThrows(CopyFailedException.class, () -> copy(7, false).referrerFailed(failure));
    }

    @Test
    void aCancelledCopyEnds() {
        assertThrows(CopyFailedException.class, () -> copy(7, true).referrerFailed(new CopyFailedException(Reason.CANCELLED, "No.")));
    }

    @Test
    void leavesReferrersOutAtTheSixthAttemptIfARegistryIsInTrouble() {
        RegistryTroubleException trouble = new RegistryTroubleException("hot", "it responded 500");
        assertThrows(RegistryTroubleException.class, () -> copy(4, true).incomplete(trouble));
        assertDoesNotThrow(() -> copy(5, true).incomplete(trouble));
    }
}
