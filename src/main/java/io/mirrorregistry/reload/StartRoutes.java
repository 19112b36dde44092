package io.mirrorregistry.reload;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import org.apache.camel.CamelContext;
import org.apache.camel.main.DefaultRoutesCollector;
import org.apache.camel.spi.Resource;

/**
 * The routes that the mirror starts with. Camel gets the text that was read and checked here instead of reading the folder itself: it
 * would open pipes and devices, and files without a bound.
 */
public final class StartRoutes extends DefaultRoutesCollector {

    /** What Camel is to ask for. */
    public static final String PATTERN = "file:routes/*.camel.yaml";

    private final RouteFolder folder;
    private Map<String, String> stamps = Map.of();
    private Map<String, RouteFile> files = Map.of();
    private Map<String, String> parts = Map.of();

    /** @param folder the folder of routes */
    public StartRoutes(Path folder) {
        this.folder = new RouteFolder(folder);
    }

    /** Reads the folder. Returns what keeps its routes from serving; nothing where they are sound. */
    public List<RouteFault> read(RouteCheck check) {
        try {
            // Before the files, so that a change meanwhile shows later.
            stamps = RouteWatcher.stamps(folder, check.parts());
            parts = check.parts().read();
            RouteFolder.Contents contents = folder.read();
            files = contents.files();
            return check.faultsAtStart(contents);
        } catch (IOException e) {
            return List.of(RouteFolder.unreadable(e.getMessage()));
        }
    }

    Map<String, String> stamps() {
        return stamps;
    }

    /** Returns the content of the files that parts are made from. */
    Map<String, String> parts() {
        return parts;
    }

    Map<String, RouteFile> files() {
        return files;
    }

    @Override
    public Collection<Resource> findRouteResourcesFromDirectory(CamelContext camel, String excludePattern, String includePattern) {
        List<Resource> resources = new ArrayList<>();
        files.values().forEach(file -> resources.add(file.resource()));
        return resources;
    }
}
