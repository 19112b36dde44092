package io.mirrorregistry.registry.folder;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.vertx.core.json.JsonObject;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ImageNameTest {

    private static final String DIGEST = "sha256:" + "0".repeat(64);

    @ParameterizedTest
    @CsvSource({
        "library/hello:latest,              library/hello:latest",
        "hello:1.0,                         hello:1.0",
        "library/hello,                     library/hello:latest",
        "docker.io/library/hello:latest,    library/hello:latest",
        "docker.io/library/hello,           library/hello:latest",
        "localhost/team/app:1,              team/app:1",
        "localhost:5000/team/app:1,         team/app:1",
        "registry.example.com:8443/app:1,   app:1",
        "hello.world:1,                     hello.world:1",
        "localhost:5000,                    localhost:5000",
        "team/localhost/app:1,              team/localhost/app:1",
    })
    void readsNamesAndTakesOffTheHost(String text, String expected) throws Exception {
        assertEquals(expected, ImageName.parse(text).toString());
    }

    @Test
    void readsNamesWithDigest() throws Exception {
        assertEquals("library/hello@" + DIGEST, ImageName.parse("docker.io/library/hello@" + DIGEST).toString());
        assertEquals("library/hello:1", ImageName.parse("library/hello:1@" + DIGEST).toString());
    }

    @ParameterizedTest
    @ValueSource(strings = {"latest", "v1.0", "hello"})
    void refusesTagWithoutRepository(String text) {
        assertEquals("the name has no repository, it should be like library/hello:latest",
                assertThrows(DamagedImageException.class, () -> ImageName.parse(text)).getMessage());
    }

    @ParameterizedTest
    @ValueSource(strings = {"../hello:latest", "library/../hello:1", "/hello:1", "docker.io/:1", "library/hello:", "library/Hello:1",
        "library/hello:a b", "library/hello:1:2", "library/hello@sha256:12", "library/hello@", "a//b:1", "library/hello:-1"})
    void refusesNamesThatNobodyCanAskFor(String text) {
        assertEquals("nobody can ask for that name, it should be like library/hello:latest",
                assertThrows(DamagedImageException.class, () -> ImageName.parse(text)).getMessage());
    }

    @Test
    void takesContainerdsNameWhereTheOtherIsOnlyATag() {
        assertEquals("docker.io/library/hello:latest", textOf("latest", "docker.io/library/hello:latest"));
        assertEquals("docker.io/library/hello:latest", textOf(null, "docker.io/library/hello:latest"));
        assertEquals("library/hello:1", textOf("library/hello:1", "docker.io/library/other:latest"));
        assertEquals("latest", textOf("latest", null));
        assertEquals("", textOf(null, null));
    }

    private static String textOf(String refName, String containerdName) {
        return ImageName.text(new JsonObject().put("org.opencontainers.image.ref.name", refName)
                .put("io.containerd.image.name", containerdName));
    }
}
