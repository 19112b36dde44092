package io.mirrorregistry.access;

import io.mirrorregistry.config.AccessSettings;
import io.mirrorregistry.config.InvalidSettingException;
import io.mirrorregistry.work.WatchedFiles;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Keeps the current {@link Policy}. The files are looked at every second; once they have changed and rest, the new policy decides. One with a fault
 * changes nothing. Thread-safe.
 */
final class AccessKeeper implements AutoCloseable {

    private static final Logger LOG = LoggerFactory.getLogger(AccessKeeper.class);
    private static final Logger AUDIT = LoggerFactory.getLogger("audit");

    private final Path file;
    private final Consumer<Policy> changed;
    private volatile Policy policy;
    private volatile String problem;
    private final WatchedFiles watched;

    /**
     * Reads the files.
     *
     * @param changed gets each policy that is to decide from now on, the first included
     * @throws InvalidSettingException with the first fault
     */
    AccessKeeper(Path file, Consumer<Policy> changed) throws InvalidSettingException {
        this.file = file;
        this.changed = changed;
        AccessFile.Result first = AccessFile.read(file);
        if (!first.faults().isEmpty()) {
            throw new InvalidSettingException(first.faults().get(0)
                    + (first.faults().size() == 1 ? "" : " (and " + (first.faults().size() - 1) + " more; the command check tells them all)"), AccessSettings.FILE);
        }
        first.warnings().forEach(LOG::warn);
        take(first);
        watched = new WatchedFiles("access", "the files of " + AccessSettings.FILE, first.files(), this::read);
    }

    /** Begins to look for changed files. */
    void watch() {
        watched.watch();
    }

    /** Returns the policy that decides now. */
    Policy policy() {
        return policy;
    }

    /** Returns why changed files are refused, as a sentence. */
    Optional<String> problem() {
        return Optional.ofNullable(problem);
    }

    private WatchedFiles.Read read() {
        AccessFile.Result read = AccessFile.read(file);
        if (read.faults().isEmpty()) {
            return new WatchedFiles.Read(read.files(), () -> renew(read));
        }
        return new WatchedFiles.Read(read.files().size() > 1 ? read.files() : List.of(), () -> refuse(read.faults()));
    }

    private void renew(AccessFile.Result read) {
        boolean same = read.policy().equals(policy);
        if (!same || problem != null) {
            AUDIT.atInfo().addKeyValue("file", file.toString()).log(same ? "The access files are as before and decide" : "The access files have changed and decide: "
                    + Policy.difference(policy, read.policy()));
            read.warnings().forEach(LOG::warn);
        }
        problem = null;
        if (!same) {
            take(read);
        }
    }

    private void take(AccessFile.Result read) {
        policy = read.policy();
        changed.accept(policy);
    }

    private void refuse(List<String> faults) {
        String why = faults.get(0) + (faults.size() == 1 ? "" : " (and " + (faults.size() - 1) + " more)");
        if (!why.equals(problem)) {
            problem = why;
            AUDIT.atWarn().addKeyValue("file", file.toString()).log("The changed access files are refused, the last good ones decide: " + why);
        }
    }

    @Override
    public void close() {
        watched.close();
    }
}
