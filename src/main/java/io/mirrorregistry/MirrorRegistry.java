package io.mirrorregistry;

import io.mirrorregistry.config.InvalidSettingException;
import io.mirrorregistry.logging.Logs;
import io.mirrorregistry.work.FatalErrors;
import java.nio.file.Path;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Starts the mirror in the working directory, or with the argument {@code check} only says whether it could. */
public final class MirrorRegistry {

    private static final Logger LOG = LoggerFactory.getLogger(MirrorRegistry.class);

    /** From here on Java writes four lines of warnings when Netty uses sun.misc.Unsafe, which it can do without. */
    private static final int JAVA_THAT_WARNS = 24;
    private static final String NO_UNSAFE = "io.netty.noUnsafe";

    private MirrorRegistry() {
    }

    public static void main(String[] args) {
        boolean check = args.length == 1 && args[0].equals("check");
        if (args.length > 0 && !check) {
            stop("mirror-registry takes no arguments but check, and was given \"" + args[0]
                    + "\": its settings are in application.properties and MIRROR_* variables.");
        }
        if (Runtime.version().feature() >= JAVA_THAT_WARNS && System.getProperty(NO_UNSAFE) == null) {
            System.setProperty(NO_UNSAFE, "true");
        }
        FatalErrors.prepare();
        Thread.setDefaultUncaughtExceptionHandler((thread, failure) -> {
            FatalErrors.check(failure);
            LOG.error("The thread {} ended with a failure", thread.getName(), failure);
        });
        try {
            Path here = Path.of("");
            System.exit(check ? check(here) : new Mirror(here, System.getenv()).run());
        } catch (InvalidSettingException e) {
            stop(e.getMessage());
        } catch (Throwable e) {
            FatalErrors.check(e);
            LOG.debug("The mirror cannot start", e);
            stop("The mirror cannot start: " + (e instanceof Exception && e.getMessage() != null ? e.getMessage() : e));
        }
    }

    /** Tells what is wrong, a line each. Returns the exit code. */
    private static int check(Path directory) {
        Logs.silence();
        Check.Findings found = Check.run(directory, System.getenv());
        found.warnings().forEach(warning -> say("warning: " + warning));
        found.faults().forEach(MirrorRegistry::say);
        if (found.faults().isEmpty()) {
            System.out.println("The settings, the certificates, the folder of images and the routes are sound.");
        }
        return found.faults().isEmpty() ? 0 : 1;
    }

    private static void stop(String why) {
        Logs.finish();
        say(why);
        System.exit(1);
    }

    private static void say(String what) {
        System.err.println(what.replaceAll("\\s+", " ").replaceAll("\\p{Cntrl}", "?"));
    }
}
