package io.mirrorregistry.work;

import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A repeated task whose schedule survives every failure. Java's schedulers drop a task silently once it has thrown, so that a probe or a
 * watcher would end without a line in the log.
 */
public final class Guarded implements Runnable {

    private static final Logger LOG = LoggerFactory.getLogger(Guarded.class);

    private final String name;
    private final Runnable task;
    /** The last failure, which is not logged again while it repeats. Only the thread that runs the task reads and writes it. */
    private volatile String logged;

    /**
     * Wraps a task.
     *
     * @param name what the task does, for the log
     */
    public Guarded(String name, Runnable task) {
        this.name = name;
        this.task = task;
    }

    /** Runs the task. Logs what it throws; ends the process after an error of the virtual machine. */
    @Override
    public void run() {
        try {
            task.run();
            logged = null;
        } catch (Throwable e) {
            FatalErrors.check(e);
            report(e);
        }
    }

    private void report(Throwable failure) {
        try {
            String now = failure.toString();
            if (now.equals(logged)) {
                LOG.debug("The task '{}' failed again", name, failure);
            } else {
                LOG.error("The task '{}' failed, it is run again at its next time", name, failure);
            }
            logged = now;
        } catch (Throwable e) {
            // Logging it failed as well; the schedule is what counts.
            FatalErrors.check(e);
        }
    }
}
