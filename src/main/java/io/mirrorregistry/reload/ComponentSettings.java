package io.mirrorregistry.reload;

import org.apache.camel.CamelContext;
import org.apache.camel.main.BaseMainSupport;
import org.apache.camel.main.MainConfigurationProperties;
import org.apache.camel.util.OrderedLocationProperties;

/**
 * Applies {@code camel.component.*}, {@code camel.dataformat.*} and {@code camel.language.*} to a CamelContext. Camel's own main
 * program does it for the first context only; this class calls the same methods for another one.
 */
final class ComponentSettings extends BaseMainSupport {

    private ComponentSettings(CamelContext camel, MainConfigurationProperties main) {
        super(camel);
        mainConfigurationProperties.setAutoConfigurationEnvironmentVariablesEnabled(main.isAutoConfigurationEnvironmentVariablesEnabled());
        mainConfigurationProperties.setAutoConfigurationSystemPropertiesEnabled(main.isAutoConfigurationSystemPropertiesEnabled());
        mainConfigurationProperties.setAutoConfigurationFailFast(main.isAutoConfigurationFailFast());
    }

    /**
     * Applies the settings that the context's placeholders and the environment hold.
     *
     * @param camel not started yet
     * @param main which sources count
     * @throws Exception when a setting names a component or an option that does not exist, or has a value of the wrong type
     */
    static void apply(CamelContext camel, MainConfigurationProperties main) throws Exception {
        if (main.isAutoConfigurationEnabled()) {
            ComponentSettings settings = new ComponentSettings(camel, main);
            settings.autoConfigurationFromProperties(camel, new OrderedLocationProperties());
            settings.autowireWildcardProperties(camel);
        }
    }
}
