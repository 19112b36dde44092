package io.mirrorregistry.access;

import io.mirrorregistry.config.AccessSettings;
import io.mirrorregistry.config.InvalidSettingException;
import io.mirrorregistry.files.BoundedFile;
import io.mirrorregistry.files.FileStamp;
import io.mirrorregistry.work.Guarded;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
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
    private static final long LOOK_MILLIS = 1000;
    private static final int MOST_LOOKS_WITHOUT_REST = 3;

    private final Path file;
    private final Consumer<Policy> changed;
    private volatile Policy policy;
    private volatile String problem;
    private final ScheduledExecutorService thread;
    /** All below belongs to the thread. */
    private List<Path> files;
    private List<FileStamp> seen;
    private List<FileStamp> dealtWith;
    private int looksWithoutRest;

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
        // The files may have changed since they were read, so the first look reads them once more.
        dealtWith = List.of();
        thread = Executors.newSingleThreadScheduledExecutor(task -> {
            Thread named = new Thread(task, "access");
            named.setDaemon(true);
            return named;
        });
    }

    /** Begins to look for changed files. */
    void watch() {
        thread.scheduleWithFixedDelay(new Guarded("look at the files of " + AccessSettings.FILE, this::look), LOOK_MILLIS, LOOK_MILLIS, TimeUnit.MILLISECONDS);
    }

    /** Returns the policy that decides now. */
    Policy policy() {
        return policy;
    }

    /** Returns why changed files are refused, as a sentence. */
    Optional<String> problem() {
        return Optional.ofNullable(problem);
    }

    /** Looks once. One thread at a time. */
    void look() {
        List<FileStamp> now = stamps();
        looksWithoutRest = now.equals(seen) ? 0 : looksWithoutRest + 1;
        seen = now;
        // Files that change all the time are read as they are: a user who was removed is not to stay for long.
        boolean due = looksWithoutRest == 0 || looksWithoutRest > MOST_LOOKS_WITHOUT_REST;
        if (due && !now.equals(dealtWith)) {
            AccessFile.Result read = AccessFile.read(file);
            if (!now.equals(stamps())) {
                // They changed while they were read.
                return;
            }
            looksWithoutRest = 0;
            // A file that changed so recently that its stamp may stay the same is read again at the next look.
            dealtWith = now.stream().allMatch(FileStamp::settled) ? now : List.of();
            if (read.faults().isEmpty()) {
                renew(read);
            } else {
                files = read.files().size() > 1 ? read.files() : files;
                refuse(read.faults());
            }
        }
    }

    private List<FileStamp> stamps() {
        return files.stream().map(path -> FileStamp.of(path, BoundedFile.MOST_BYTES)).toList();
    }

    private void renew(AccessFile.Result read) {
        boolean same = read.policy().equals(policy);
        if (!same || problem != null) {
            AUDIT.atInfo().addKeyValue("file", file.toString()).log(same ? "The access files are as before and decide" : "The access files have changed and decide: "
                    + Policy.difference(policy, read.policy()));
            read.warnings().forEach(LOG::warn);
        }
        problem = null;
        if (same) {
            files = read.files();
        } else {
            take(read);
        }
    }

    private void take(AccessFile.Result read) {
        files = read.files();
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
        thread.shutdownNow();
    }
}
