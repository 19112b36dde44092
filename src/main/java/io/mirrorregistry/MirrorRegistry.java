package io.mirrorregistry;

import io.mirrorregistry.config.InvalidSettingException;
import io.mirrorregistry.logging.Logs;
import io.mirrorregistry.work.FatalErrors;
import java.nio.file.Path;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Starts the mirror in the working directory, or runs one of the {@link Commands}. */
public final class MirrorRegistry {

    private static final Logger LOG = LoggerFactory.getLogger(MirrorRegistry.class);

    /** From here on Java writes four lines of warnings when Netty uses sun.misc.Unsafe, which it can do without. */
    private static final int JAVA_THAT_WARNS = 24;
    private static final String NO_UNSAFE = "io.netty.noUnsafe";

    private MirrorRegistry() {
    }

    public static void main(String[] args) {
        if (Runtime.version().feature() >= JAVA_THAT_WARNS && System.getProperty(NO_UNSAFE) == null) {
            System.setProperty(NO_UNSAFE, "true");
        }
        FatalErrors.prepare();
        Thread.setDefaultUncaughtExceptionHandler((thread, failure) -> {
            FatalErrors.check(failure);
            LOG.error("The thread {} ended with a failure", thread.getName(), failure);
        });
        try {
            System.exit(args.length > 0 ? Commands.run(args) : new Mirror(Path.of(""), System.getenv()).run());
        } catch (InvalidSettingException e) {
            stop(e.getMessage());
        } catch (Throwable e) {
            FatalErrors.check(e);
            LOG.debug("The mirror cannot start", e);
            stop("The mirror cannot start: " + (e instanceof Exception && e.getMessage() != null ? e.getMessage() : e));
        }
    }

    private static void stop(String why) {
        Logs.finish();
        say(why);
        System.exit(1);
    }

    /** Prints one line to standard error. */
    static void say(String what) {
        System.err.println(what.replaceAll("\\s+", " ").replaceAll("\\p{Cntrl}", "?"));
    }
}
