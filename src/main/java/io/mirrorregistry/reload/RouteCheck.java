package io.mirrorregistry.reload;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import org.apache.camel.StartupSummaryLevel;
import org.apache.camel.impl.DefaultCamelContext;
import org.apache.camel.spi.Registry;

/**
 * Finds out whether a set of route files is sound, without running any of it: the YAML, the endpoints and their parameters,
 * beans and their methods, placeholders, expressions, ids, templates, and that each {@code direct:} leads somewhere. The routes are
 * built in a CamelContext of their own that starts none of them.
 */
public final class RouteCheck {

    private final Registry beans;
    private final RouteEnvironment environment;

    /**
     * @param beans what routes may name; not changed
     * @param environment what else they may name
     */
    public RouteCheck(Registry beans, RouteEnvironment environment) {
        this.beans = beans;
        this.environment = environment;
    }

    /** Returns what is wrong with the files of a folder; nothing where they are sound. */
    public List<RouteFault> faults(Path folder) {
        try {
            environment.parts().read();
            return faults(new RouteFolder(folder).read());
        } catch (IOException e) {
            return List.of(RouteFolder.unreadable(e.getMessage()));
        }
    }

    /** Returns what is wrong with the parts that routes need, where the routes are those that the program carries. */
    public List<RouteFault> faultsWithoutFolder() {
        try {
            environment.parts().read();
            return faultsAtStart(new RouteFolder.Contents(RouteFolder.shipped(), List.of()));
        } catch (IOException e) {
            return List.of(RouteFolder.unreadable(e.getMessage()));
        }
    }

    /** Returns where the parts of generations come from. */
    GenerationParts.Source parts() {
        return environment.parts();
    }

    /**
     * Returns what is wrong with a folder, at a start, which should be quick: the files that the program itself carries were checked when
     * it was built, and are not checked again while the parts have no fault.
     *
     * @throws IOException when the program's jar cannot be read
     */
    List<RouteFault> faultsAtStart(RouteFolder.Contents contents) throws IOException {
        if (!contents.faults().isEmpty() || !contents.files().equals(RouteFolder.shipped())) {
            return faults(contents);
        }
        try (GenerationParts parts = environment.makeParts()) {
            if (parts.faults().isEmpty() && (parts.chosen() == null || isThere(parts.chosen().address(), contents, parts))) {
                return List.of();
            }
        } catch (RoutesFailedException e) {
            return List.of(RouteFault.ofFolder(e.getMessage()));
        }
        return faults(contents);
    }

    private static boolean isThere(String address, RouteFolder.Contents contents, GenerationParts parts) {
        return parts.wanted().stream().anyMatch(route -> route.address().equals(address))
                || contents.files().values().stream().anyMatch(file -> file.text().lines().anyMatch(line -> line.strip().equals("uri: " + address)));
    }

    /** Returns what is wrong, file by file; nothing for a set that is sound. */
    List<RouteFault> faults(RouteFolder.Contents contents) {
        try (GenerationParts parts = environment.makeParts()) {
            return faults(contents, parts);
        } catch (RoutesFailedException e) {
            return List.of(RouteFault.ofFolder(e.getMessage()));
        }
    }

    private List<RouteFault> faults(RouteFolder.Contents contents, GenerationParts parts) throws RoutesFailedException {
        DefaultCamelContext camel = new DefaultCamelContext(new OverlayRegistry(beans, Set.of()));
        try (camel) {
            camel.disableJMX();
            camel.getCamelContextExtension().setName("route-check");
            camel.setLoadHealthChecks(false);
            camel.setAutoStartup(false);
            camel.setStartupSummaryLevel(StartupSummaryLevel.Off);
            parts.beans().forEach(camel.getRegistry()::bind);
            environment.apply(camel);
            try {
                ComponentSettings.apply(camel, environment.main());
            } catch (Exception e) {
                throw new RoutesFailedException("the settings of Camel cannot work: " + FaultCauses.describe(e), e);
            }
            camel.start();
            return new CheckRun(camel, contents, parts, new LeftOut(environment.leftOut())).faults(environment.registries());
        } catch (IOException | RuntimeException e) {
            throw new IllegalStateException("Camel cannot be started to check routes", e);
        }
    }
}
