package io.mirrorregistry.reload;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.camel.CamelContext;
import org.apache.camel.RouteConfigurationsBuilder;
import org.apache.camel.builder.RouteBuilder;
import org.apache.camel.impl.DefaultCamelContext;
import org.apache.camel.main.DefaultConfigurationConfigurer;
import org.apache.camel.support.LifecycleStrategySupport;
import org.apache.camel.support.PluginHelper;

/** Makes the CamelContexts of generations: each is like the first one, with the same beans, settings and servers. */
final class RouteContexts {

    private final RouteEnvironment environment;
    private final Generation first;

    /**
     * Prepares the first context.
     *
     * @param first not initialized yet; its routes are added later, by Camel's main program
     * @throws RoutesFailedException when its parts cannot be made
     */
    RouteContexts(CamelContext first, RouteEnvironment environment) throws RoutesFailedException {
        this.environment = environment;
        environment.apply(first);
        GenerationParts parts = makeParts();
        this.first = new Generation(first, parts, true);
        first.addLifecycleStrategy(new LifecycleStrategySupport() {
            @Override
            public void onContextInitializing(CamelContext camel) {
                // All files have been loaded, and no route has been built yet.
                try {
                    TemplateRoutes.add(camel, RouteContexts.this.first.parts().wanted());
                } catch (Exception e) {
                    throw new IllegalStateException(FaultCauses.describe(e), e);
                }
            }
        });
    }

    Generation first() {
        return first;
    }

    /**
     * Builds and starts a generation.
     *
     * @param files all files, in the order in which they are loaded
     * @throws Exception when it cannot be started; nothing is left of it then
     */
    Generation start(Map<String, RouteFile> files) throws Exception {
        GenerationParts parts = makeParts();
        // A copy, so that the names do not keep the beans of the first generation in memory.
        Set<String> hidden = Set.copyOf(first.parts().beans().keySet());
        DefaultCamelContext camel = new DefaultCamelContext(new OverlayRegistry(first.camel().getRegistry(), hidden));
        Generation next = new Generation(camel, parts, false);
        boolean started = false;
        try {
            DefaultConfigurationConfigurer.configure(camel, environment.main());
            DefaultConfigurationConfigurer.afterConfigure(camel);
            camel.setLoadHealthChecks(false);
            environment.apply(camel);
            ComponentSettings.apply(camel, environment.main());
            first.camel().getRoutePolicyFactories().forEach(camel::addRoutePolicyFactory);
            load(camel, files);
            TemplateRoutes.add(camel, parts.wanted());
            camel.start();
            next.files(files);
            started = true;
            return next;
        } finally {
            if (!started) {
                next.close();
            }
        }
    }

    private GenerationParts makeParts() throws RoutesFailedException {
        GenerationParts parts = environment.makeParts();
        if (!parts.faults().isEmpty()) {
            parts.close();
            throw new RoutesFailedException(parts.faults().get(0).toString(), null);
        }
        return parts;
    }

    /** Adds all files in the order of Camel's main program: what is common to routes, then the routes, then those made from templates. */
    static void load(DefaultCamelContext camel, Map<String, RouteFile> files) throws Exception {
        List<RouteBuilder> builders = new ArrayList<>();
        for (RouteFile file : files.values()) {
            RouteBuilder builder = (RouteBuilder) PluginHelper.getRoutesLoader(camel).findRoutesBuilders(file.resource()).iterator().next();
            camel.addRoutesConfigurations((RouteConfigurationsBuilder) builder);
            builders.add(builder);
        }
        for (RouteBuilder builder : builders) {
            camel.addRoutes(builder);
        }
        for (RouteBuilder builder : builders) {
            camel.addTemplatedRoutes(builder);
        }
    }
}
