package io.mirrorregistry.work;

import java.util.concurrent.CountDownLatch;
import java.util.function.IntConsumer;

/**
 * Ends the process after an error that leaves the Java virtual machine unreliable, such as no memory. A mirror that went on would be
 * half alive: threads, locks and flights that the error interrupted are never released, while health still reports UP. Whoever runs the
 * mirror (Docker, Kubernetes, systemd) starts it again.
 *
 * <p>{@code -XX:+ExitOnOutOfMemoryError} does the same with the same exit code, and earlier. This class covers a start without it.
 */
public final class FatalErrors {

    /** The exit code, which is also that of {@code -XX:+ExitOnOutOfMemoryError}. */
    public static final int EXIT_CODE = 3;

    /** A chain of causes may have a loop. */
    private static final int MOST_CAUSES = 100;

    /** Replaced in tests only. */
    static volatile IntConsumer exit = Runtime.getRuntime()::halt;

    /** Released when the process has to end. */
    private static final CountDownLatch ENDING = new CountDownLatch(1);
    private static final long LONGEST_LAST_LINE_MILLIS = 1000;

    private FatalErrors() {
    }

    /**
     * Starts the thread that ends the process even where standard error is a pipe that nobody reads, and the last line cannot be written.
     * It is started early because a new thread may need the memory that is missing.
     */
    public static void prepare() {
        Thread thread = new Thread(() -> {
            try {
                ENDING.await();
                Thread.sleep(LONGEST_LAST_LINE_MILLIS);
                exit.accept(EXIT_CODE);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        }, "fatal-errors");
        thread.setDaemon(true);
        thread.start();
    }

    /**
     * Ends the process with code {@value #EXIT_CODE} and one line on standard error if the failure or one of its causes is a
     * {@link VirtualMachineError}; returns otherwise. A {@link StackOverflowError} is not fatal: it unwinds one thread, no memory is
     * lost, and input that provokes one must not end the process.
     *
     * @param failure any failure that was caught; may be null
     */
    public static void check(Throwable failure) {
        Throwable cause = failure;
        for (int i = 0; cause != null && i < MOST_CAUSES; i++, cause = cause.getCause()) {
            if (cause instanceof VirtualMachineError && !(cause instanceof StackOverflowError)) {
                end(cause);
                return;
            }
        }
    }

    /** Runs no shutdown hook and logs nothing: both may need the memory that is missing. */
    private static void end(Throwable cause) {
        boolean first = ENDING.getCount() > 0;
        ENDING.countDown();
        try {
            if (first) {
                System.err.println("Mirror Registry ends with code " + EXIT_CODE + ": " + cause);
            }
        } finally {
            exit.accept(EXIT_CODE);
        }
    }
}
