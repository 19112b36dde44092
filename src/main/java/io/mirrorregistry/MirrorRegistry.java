package io.mirrorregistry;

import io.mirrorregistry.config.InvalidSettingException;
import java.nio.file.Path;

/** Starts the mirror in the working directory. */
public final class MirrorRegistry {

    private MirrorRegistry() {
    }

    public static void main(String[] args) throws Exception {
        if (args.length > 0) {
            stop("mirror-registry takes no arguments, and was given \"" + args[0]
                    + "\": its settings are in application.properties and MIRROR_* variables.");
        }
        try {
            System.exit(new Mirror(Path.of(""), System.getenv()).run());
        } catch (InvalidSettingException e) {
            stop(e.getMessage());
        }
    }

    private static void stop(String why) {
        System.err.println(why.replaceAll("\\p{Cntrl}", "?"));
        System.exit(1);
    }
}
