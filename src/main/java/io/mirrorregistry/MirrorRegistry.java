package io.mirrorregistry;

import io.mirrorregistry.config.InvalidSettingException;
import io.mirrorregistry.logging.Logs;
import java.nio.file.Path;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Starts the mirror in the working directory. */
public final class MirrorRegistry {

    private static final Logger LOG = LoggerFactory.getLogger(MirrorRegistry.class);

    private MirrorRegistry() {
    }

    public static void main(String[] args) {
        if (args.length > 0) {
            stop("mirror-registry takes no arguments, and was given \"" + args[0]
                    + "\": its settings are in application.properties and MIRROR_* variables.");
        }
        try {
            System.exit(new Mirror(Path.of(""), System.getenv()).run());
        } catch (InvalidSettingException e) {
            stop(e.getMessage());
        } catch (Exception e) {
            LOG.debug("The mirror cannot start", e);
            stop("The mirror cannot start: " + e.getMessage());
        }
    }

    private static void stop(String why) {
        Logs.finish();
        System.err.println(why.replaceAll("\\s+", " ").replaceAll("\\p{Cntrl}", "?"));
        System.exit(1);
    }
}
