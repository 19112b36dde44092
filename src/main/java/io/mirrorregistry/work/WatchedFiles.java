package io.mirrorregistry.work;

import io.mirrorregistry.files.BoundedFile;
import io.mirrorregistry.files.FileStamp;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;

/**
 * Looks at files every second and reads them anew once they have changed and rest. Links are followed, so that the swap of a Kubernetes volume
 * is a change. All runs on one thread of its own.
 */
public final class WatchedFiles implements AutoCloseable {

    private static final long LOOK_MILLIS = 1000;
    private static final int MOST_LOOKS_WITHOUT_REST = 3;

    /**
     * The result of reading the files.
     *
     * @param files the files to watch from now on; empty for the same as before
     * @param use takes over the contents; does not run if a file changed during the reading
     */
    public record Read(List<Path> files, Runnable use) {
    }

    private final ScheduledExecutorService thread;
    private final Runnable task;
    private final Supplier<Read> reader;
    /** All below belongs to the thread. */
    private List<Path> files;
    private List<FileStamp> seen;
    private List<FileStamp> dealtWith = List.of();
    private int looksWithoutRest;

    /**
     * Prepares to watch. The first look reads the files once more: they may have changed since they were read.
     *
     * @param name the name of the thread
     * @param what what the files are, for the log
     * @param files the files to watch at first
     * @param reader reads the files
     */
    public WatchedFiles(String name, String what, List<Path> files, Supplier<Read> reader) {
        this.files = List.copyOf(files);
        this.reader = reader;
        this.task = new Guarded("look at " + what, this::look);
        this.thread = Executors.newSingleThreadScheduledExecutor(run -> {
            Thread named = new Thread(run, name);
            named.setDaemon(true);
            return named;
        });
    }

    /** Begins to look. */
    public void watch() {
        thread.scheduleWithFixedDelay(task, LOOK_MILLIS, LOOK_MILLIS, TimeUnit.MILLISECONDS);
    }

    /** Looks once. One thread at a time. */
    public void look() {
        List<FileStamp> now = stamps();
        looksWithoutRest = now.equals(seen) ? 0 : looksWithoutRest + 1;
        seen = now;
        // Files that change all the time are read as they are: a user who was removed is not to stay for long.
        boolean due = looksWithoutRest == 0 || looksWithoutRest > MOST_LOOKS_WITHOUT_REST;
        if (due && !now.equals(dealtWith)) {
            Read read = reader.get();
            if (!now.equals(stamps())) {
                // They changed while they were read.
                return;
            }
            looksWithoutRest = 0;
            // A file that changed so recently that its stamp may stay the same is read again at the next look.
            dealtWith = now.stream().allMatch(FileStamp::settled) ? now : List.of();
            files = read.files().isEmpty() ? files : List.copyOf(read.files());
            read.use().run();
        }
    }

    private List<FileStamp> stamps() {
        return files.stream().map(path -> FileStamp.of(path, BoundedFile.MOST_BYTES)).toList();
    }

    @Override
    public void close() {
        thread.shutdownNow();
    }
}
