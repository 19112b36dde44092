package io.mirrorregistry.reload;

import java.util.Map;
import org.apache.camel.CamelContext;
import org.apache.camel.impl.DefaultCamelContext;
import org.apache.camel.main.DefaultConfigurationConfigurer;
import org.apache.camel.main.DefaultConfigurationProperties;
import org.apache.camel.spi.ReactiveExecutor;

/** Makes another Camel like the first, for routes that come later; it begins with none. */
public final class RouteContexts {

    private RouteContexts() {
    }

    /**
     * Makes one.
     *
     * @param settings Camel's own, as the first has them
     * @param placeholders what routes may refer to as {@code {{name}}}
     */
    public static DefaultCamelContext of(CamelContext first, DefaultConfigurationProperties<?> settings, Map<String, String> placeholders) {
        DefaultCamelContext camel = new DefaultCamelContext(new OverlayRegistry(first.getRegistry()));
        try {
            DefaultConfigurationConfigurer.configure(camel, settings);
            DefaultConfigurationConfigurer.afterConfigure(camel);
        } catch (Exception e) {
            throw new IllegalStateException("Camel cannot be set up for routes that have changed", e);
        }
        camel.setLoadHealthChecks(false);
        Placeholders.set(camel, placeholders);
        first.getRoutePolicyFactories().forEach(camel::addRoutePolicyFactory);
        camel.getCamelContextExtension().setReactiveExecutor(new Shared(first.getCamelContextExtension().getReactiveExecutor()));
        return camel;
    }

    /**
     * The first Camel's executor, which stops with the first only. A request goes from one Camel's routes to another's and back on the
     * same thread; with an executor each, what one has put off would wait for the other.
     */
    private record Shared(ReactiveExecutor first) implements ReactiveExecutor {

        @Override
        public void schedule(Runnable runnable) {
            first.schedule(runnable);
        }

        @Override
        public void scheduleMain(Runnable runnable) {
            first.scheduleMain(runnable);
        }

        @Override
        public void scheduleSync(Runnable runnable) {
            first.scheduleSync(runnable);
        }

        @Override
        public void scheduleQueue(Runnable runnable) {
            first.scheduleQueue(runnable);
        }

        @Override
        public boolean executeFromQueue() {
            return first.executeFromQueue();
        }

        @Override
        public void setStatisticsEnabled(boolean statisticsEnabled) {
            // The first's setting counts.
        }

        @Override
        public boolean isStatisticsEnabled() {
            return first.isStatisticsEnabled();
        }
    }
}
