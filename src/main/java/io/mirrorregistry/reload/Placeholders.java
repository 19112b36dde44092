package io.mirrorregistry.reload;

import java.util.Map;
import java.util.Properties;
import org.apache.camel.CamelContext;
import org.apache.camel.component.properties.PropertiesComponent;

/**
 * What routes may refer to as {@code {{name}}}: the settings as they were read and checked. Camel would look at the environment
 * before, and find there what the mirror keeps from routes.
 */
public final class Placeholders {

    private Placeholders() {
    }

    /** Has a Camel that is not started yet know these and no others. */
    public static void set(CamelContext camel, Map<String, String> placeholders) {
        Properties properties = new Properties();
        properties.putAll(placeholders);
        PropertiesComponent component = (PropertiesComponent) camel.getPropertiesComponent();
        component.setOverrideProperties(properties);
        component.setEnvironmentVariableMode(PropertiesComponent.ENVIRONMENT_VARIABLES_MODE_NEVER);
    }
}
