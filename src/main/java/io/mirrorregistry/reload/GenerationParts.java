package io.mirrorregistry.reload;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The things that one generation of routes owns: they are made before its routes are built, and closed after its last request.
 *
 * @param beans beans by the names that routes use; no other generation sees them
 * @param wanted routes that have to exist, from a file or from a template
 * @param chosen a route that a setting names; null for none
 * @param needed a step that a setting needs; null for none
 * @param resources closed in the opposite order, such as the class loaders of the beans
 * @param faults the parts that cannot be made, and why; no routes are started with such parts
 */
public record GenerationParts(Map<String, Object> beans, List<WantedRoute> wanted, ChosenRoute chosen, NeededStep needed,
        List<AutoCloseable> resources, List<RouteFault> faults) implements AutoCloseable {

    /** Parts of a generation that owns nothing. */
    public static final GenerationParts NONE = new GenerationParts(Map.of(), List.of(), List.of());

    private static final Logger LOG = LoggerFactory.getLogger(GenerationParts.class);

    public GenerationParts {
        beans = Map.copyOf(beans);
        wanted = List.copyOf(wanted);
        resources = List.copyOf(resources);
        faults = List.copyOf(faults);
    }

    /** Makes parts without faults, of which no setting chooses a route or needs a step. */
    public GenerationParts(Map<String, Object> beans, List<WantedRoute> wanted, List<AutoCloseable> resources) {
        this(beans, wanted, null, null, resources, List.of());
    }

    /** Makes the parts of a generation. Called for each check, for the first generation, and for each later one; one call at a time. */
    @FunctionalInterface
    public interface Source {

        /**
         * Makes new parts, which the caller closes.
         *
         * @throws Exception when routes cannot be built; its message is a sentence for the operator, and nothing is left open
         */
        GenerationParts make() throws Exception;

        /**
         * Returns the state of each file that parts are made from, by the file's name, without reading the files: a changed file has another
         * state. Called often.
         */
        default Map<String, String> stamps() {
            return Map.of();
        }

        /**
         * Reads the files; parts are made from this content until the next call.
         *
         * @return a text for each file, by the file's name; equal texts for equal content
         */
        default Map<String, String> read() {
            return Map.of();
        }
    }

    /** Closes the resources. Logs the failures, and throws none. */
    @Override
    public void close() {
        List<AutoCloseable> last = new ArrayList<>(resources);
        Collections.reverse(last);
        for (AutoCloseable resource : last) {
            try {
                resource.close();
            } catch (Exception e) {
                LOG.warn("A resource of earlier routes cannot be closed: {}", resource, e);
            }
        }
    }
}
