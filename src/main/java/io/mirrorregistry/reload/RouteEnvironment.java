package io.mirrorregistry.reload;

import java.util.HashMap;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import org.apache.camel.CamelContext;
import org.apache.camel.component.properties.PropertiesComponent;
import org.apache.camel.main.MainConfigurationProperties;

/**
 * The names that routes may use besides beans. They are the same for a check, the first routes and every later generation.
 *
 * @param placeholders the settings that routes may use as <code>{{name}}</code>, with those of Camel
 * @param main Camel's own settings, as the first CamelContext has them; it may change until that context is started
 * @param words short names of exceptions for {@code doCatch} and {@code onException}
 * @param registries the names of the registries that are configured
 * @param leftOut the names of the registries that settings leave out, since nothing uses them
 * @param parts makes the parts that each generation owns
 */
public record RouteEnvironment(Map<String, String> placeholders, MainConfigurationProperties main, Map<String, Class<?>> words,
        Set<String> registries, Set<String> leftOut, GenerationParts.Source parts) {

    /**
     * Gives a context these names and no others: Camel would look into the environment first, and find the secrets there that the
     * mirror keeps from routes.
     *
     * @param camel not started yet
     */
    void apply(CamelContext camel) {
        Properties properties = new Properties();
        properties.putAll(placeholders);
        PropertiesComponent component = (PropertiesComponent) camel.getPropertiesComponent();
        component.setOverrideProperties(properties);
        component.setEnvironmentVariableMode(PropertiesComponent.ENVIRONMENT_VARIABLES_MODE_NEVER);
        camel.setClassResolver(new ExceptionWords(words));
        StepProcessorFactory.install(camel);
        BreakerProcessorFactory.install(camel);
    }

    /** Returns the same names for routes that a precondition leaves out because a registry has no url: here it has one. */
    RouteEnvironment asIfUsed() {
        Map<String, String> all = new HashMap<>(placeholders);
        all.replaceAll((name, value) -> value.isEmpty() && name.startsWith("mirror.registry.") && name.endsWith(".url") ? "http://registry.invalid" : value);
        return new RouteEnvironment(all, main, words, registries, leftOut, parts);
    }

    /**
     * Makes the parts of a generation.
     *
     * @throws RoutesFailedException when they cannot be made
     */
    GenerationParts makeParts() throws RoutesFailedException {
        try {
            return parts.make();
        } catch (Exception | LinkageError e) {
            throw new RoutesFailedException(e.getMessage() == null ? FaultCauses.describe(e) : e.getMessage(), e);
        }
    }
}
