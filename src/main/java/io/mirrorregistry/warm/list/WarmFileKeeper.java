package io.mirrorregistry.warm.list;

import io.mirrorregistry.config.WarmSettings;
import io.mirrorregistry.work.WatchedFiles;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Keeps the current {@link WarmList}. The file is checked every second; once it has changed and then stays the same, the new list is used. A file with a fault
 * changes nothing. Thread-safe.
 */
public final class WarmFileKeeper implements AutoCloseable {

    private static final Logger LOG = LoggerFactory.getLogger(WarmFileKeeper.class);

    private final Path file;
    /** Written by the constructor and by the thread that checks the file. */
    private volatile WarmList list;
    private volatile String problem;
    private final WatchedFiles watched;

    /** Reads the file. A file with a fault counts as an empty list until it is corrected: pulls do not depend on it. */
    public WarmFileKeeper(Path file) {
        this.file = file;
        WarmFile.Result first = WarmFile.read(file);
        if (first.faults().isEmpty()) {
            first.warnings().forEach(LOG::warn);
            list = first.list();
        } else {
            list = new WarmList(List.of());
            refuse(first.faults());
        }
        watched = new WatchedFiles("warm-file", "the file of " + WarmSettings.FILE, List.of(file), this::read);
    }

    /** Begins to check the file for changes. */
    public void watch() {
        watched.watch();
    }

    /** Returns the list that is used now. */
    public WarmList list() {
        return list;
    }

    /** Returns why a changed file is refused, as a sentence. */
    public Optional<String> problem() {
        return Optional.ofNullable(problem);
    }

    /** Checks the file once, without the thread of {@link #watch}. For tests. */
    void check() {
        watched.look();
    }

    private WatchedFiles.Read read() {
        WarmFile.Result read = WarmFile.read(file);
        return new WatchedFiles.Read(List.of(file), read.faults().isEmpty() ? () -> use(read) : () -> refuse(read.faults()));
    }

    private void use(WarmFile.Result read) {
        boolean same = read.list().equals(list);
        if (!same || problem != null) {
            LOG.atInfo().addKeyValue("file", file.toString()).log(same ? "The warm file is as before and is used" : "The warm file has changed and is used: "
                    + read.list().entries().size() + " entries");
            read.warnings().forEach(LOG::warn);
        }
        problem = null;
        list = read.list();
    }

    private void refuse(List<String> faults) {
        int more = faults.size() - 1;
        String why = faults.get(0) + (more == 0 ? "" : " (and " + more + " more)");
        if (!why.equals(problem)) {
            problem = why;
            LOG.atWarn().addKeyValue("file", file.toString()).log("The warm file is refused, the last good list is used: " + why);
        }
    }

    @Override
    public void close() {
        watched.close();
    }
}
