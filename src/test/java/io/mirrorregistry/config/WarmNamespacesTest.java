package io.mirrorregistry.config;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class WarmNamespacesTest {

    @TempDir
    private Path folder;

    private Settings read(String... settings) throws InvalidSettingException {
        Map<String, String> environment = new HashMap<>(Map.of("MIRROR_WARM_TO", "near", "MIRROR_REGISTRY_NEAR_URL", "http://127.0.0.1:1",
                "MIRROR_REGISTRY_HUB_URL", "http://127.0.0.1:2", "MIRROR_REGISTRY_GITHUB_URL", "http://127.0.0.1:3"));
        for (int i = 0; i < settings.length; i += 2) {
            environment.put(settings[i], settings[i + 1]);
        }
        return SettingsReader.read(folder, environment, "test");
    }

    @Test
    void acceptsAPlanWithoutNamespaces() throws InvalidSettingException {
        assertEquals("near", read("MIRROR_PLAN", "near, hub").warm().to());
    }

    @Test
    void acceptsOneNamespace() throws InvalidSettingException {
        assertEquals("near", read("MIRROR_PLAN", "github", "MIRROR_REGISTRY_NEAR_SERVES", "docker.io", "MIRROR_REGISTRY_HUB_SERVES", "docker.io").warm().to());
    }

    @Test
    void acceptsAPlanAndANamespaceOfTheSameRegistries() throws InvalidSettingException {
        assertEquals("near", read("MIRROR_PLAN", "near, hub", "MIRROR_REGISTRY_NEAR_SERVES", "docker.io", "MIRROR_REGISTRY_HUB_SERVES", "docker.io").warm().to());
    }

    @Test
    void refusesTwoNamespacesOfDifferentRegistries() {
        InvalidSettingException refused = assertThrows(InvalidSettingException.class, () -> read("MIRROR_PLAN", "hub", "MIRROR_REGISTRY_NEAR_SERVES", "docker.io, ghcr.io",
                "MIRROR_REGISTRY_HUB_SERVES", "docker.io", "MIRROR_REGISTRY_GITHUB_SERVES", "ghcr.io"));

        assertEquals("mirror.warm.to", refused.setting());
        assertTrue(refused.getMessage().contains("images of docker.io and for images of ghcr.io"), refused.getMessage());
    }

    @Test
    void refusesANamespaceBesideThePlanOfOtherRegistries() {
        InvalidSettingException refused = assertThrows(InvalidSettingException.class, () -> read("MIRROR_PLAN", "near, github", "MIRROR_REGISTRY_NEAR_SERVES", "docker.io",
                "MIRROR_REGISTRY_HUB_SERVES", "docker.io"));

        assertTrue(refused.getMessage().contains("images without a host name (mirror.plan) and for images of docker.io"), refused.getMessage());
    }
}
