package io.mirrorregistry.reload;

import java.nio.charset.StandardCharsets;
import org.apache.camel.spi.Resource;
import org.apache.camel.support.ResourceHelper;

/**
 * One file of routes as it was read at one moment. Two are equal when name and text are.
 *
 * @param name the file's name in its folder, such as {@code manifest.camel.yaml}
 * @param text what it holds
 */
record RouteFile(String name, String text) {

    /** Returns it as Camel takes it, so that exactly what was read here is loaded. */
    Resource resource() {
        return ResourceHelper.fromBytes("file:" + name, text.getBytes(StandardCharsets.UTF_8));
    }
}
