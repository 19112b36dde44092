package io.mirrorregistry;

import java.io.IOException;
import java.io.InputStream;
import java.util.Properties;

/** The version of this program. */
final class Version {

    private Version() {
    }

    /** Returns the version that the jar carries, such as {@code 0.1.0}. */
    static String current() {
        Properties properties = new Properties();
        try (InputStream in = Version.class.getResourceAsStream("/version.properties")) {
            properties.load(in);
        } catch (IOException e) {
            throw new IllegalStateException("the jar carries no version.properties", e);
        }
        return properties.getProperty("version");
    }
}
