package io.mirrorregistry.config;

import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;

/**
 * All settings, checked.
 *
 * @param port where clients connect
 * @param managementPort where health and metrics are
 * @param workers how many requests are worked on at a time
 * @param shutdownTimeout how long running requests may take to end when the mirror stops
 * @param healthInterval how often each registry is probed
 * @param registries by name
 * @param imagesDirectory the OCI image layout of the folder registry
 * @param logging how logs are written
 * @param warnings what was found in files and has no meaning, a sentence each
 */
public record Settings(
        int port,
        int managementPort,
        int workers,
        Duration shutdownTimeout,
        Duration healthInterval,
        Map<String, RegistrySettings> registries,
        Path imagesDirectory,
        LoggingSettings logging,
        List<String> warnings) {

    /**
     * @param level error, warn, info, debug or trace
     * @param format json or console
     */
    public record LoggingSettings(String level, String format) {
    }
}
