package io.mirrorregistry.reload;

import io.mirrorregistry.work.FatalErrors;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import org.apache.camel.CamelContext;
import org.apache.camel.RouteConfigurationsBuilder;
import org.apache.camel.builder.RouteBuilder;
import org.apache.camel.support.PluginHelper;

/** The files of one check, and the faults that were found in them. */
final class CheckedFiles {

    /**
     * A bound on the YAML values of all files together: the routes that come with the mirror have 1,600. A value takes up to 2 kB
     * while routes are checked and built.
     */
    private static final int MOST_VALUES = (int) Math.max(10_000, Math.min(200_000, Runtime.getRuntime().maxMemory() / 4096));

    private final Map<String, RouteFile> files;
    private final Map<String, RouteText> texts = new TreeMap<>();
    private final Set<RouteFault> faults = new LinkedHashSet<>();
    private boolean incomplete;

    /** @param partFaults what is wrong with the parts that the routes need */
    CheckedFiles(RouteFolder.Contents contents, List<RouteFault> partFaults) {
        files = contents.files();
        faults.addAll(contents.faults());
        faults.addAll(partFaults);
        incomplete = !contents.faults().isEmpty() || partFaults.stream().anyMatch(RouteFault::isOfPartFile);
    }

    /**
     * Reads the files and adds to the context what is common to all routes.
     *
     * @return a builder for each sound file, by its name; empty where there is too much in them
     */
    Map<String, RouteBuilder> read(CamelContext camel) {
        Map<String, RouteBuilder> builders = new LinkedHashMap<>();
        int values = 0;
        for (RouteFile file : files.values()) {
            try {
                RouteText text = new RouteText(file, MOST_VALUES);
                values += text.values();
                if (values > MOST_VALUES) {
                    fault("the files together have more than " + MOST_VALUES + " values");
                    incomplete();
                    return Map.of();
                }
                texts.put(file.name(), text);
                RouteBuilder builder = (RouteBuilder) PluginHelper.getRoutesLoader(camel).findRoutesBuilders(file.resource()).iterator().next();
                camel.addRoutesConfigurations((RouteConfigurationsBuilder) builder);
                builders.put(file.name(), builder);
            } catch (Exception | LinkageError | StackOverflowError e) {
                malformed(file.name(), e);
            }
        }
        return builders;
    }

    /** Adds the fault of a file that cannot be read as routes. */
    void malformed(String file, Throwable failure) {
        FatalErrors.check(failure);
        RouteText text = texts.get(file);
        faults.add(text == null ? RouteText.noYaml(files.get(file), failure)
                : text.fault(null, FaultCauses.place(failure), FaultCauses.tokens(failure), FaultCauses.describe(failure)));
        incomplete();
    }

    /**
     * Adds the fault of a route that cannot be built.
     *
     * @param clause what is to be said of it besides; may be empty
     */
    void failed(RoutePlace place, Throwable failure, String clause) {
        FatalErrors.check(failure);
        RoutePlace about = place;
        if (FaultCauses.root(failure) instanceof ClassNotFoundException missing && !texts.get(place.file()).has(place.item(), missing.getMessage())) {
            // Then another file has it in what is common to all routes.
            about = texts.entrySet().stream().filter(other -> other.getValue().has(null, missing.getMessage())).findFirst()
                    .map(other -> new RoutePlace(other.getKey(), null)).orElse(place);
        }
        fault(about, FaultCauses.tokens(failure), FaultCauses.describe(failure) + clause);
    }

    /**
     * Adds a fault.
     *
     * @param tokens the words that it is about, the most telling first
     */
    void fault(RoutePlace place, Iterable<String> tokens, String cause) {
        faults.add(texts.get(place.file()).fault(place.item(), Optional.empty(), place.words(tokens), cause));
    }

    /** Adds a fault of the folder as a whole. */
    void fault(String cause) {
        faults.add(RouteFault.ofFolder(cause));
    }

    void fault(RouteFault fault) {
        faults.add(fault);
    }

    /** Adds the faults of variables that steps read and none sets. */
    void checkVariables(CamelContext camel) {
        new VariableCheck(camel, texts.values()).faults().forEach(faults::add);
    }

    /** Adds the fault that an id is there twice, at its last place in a file. */
    void duplicate(String file, String id, String cause) {
        faults.add(texts.get(file).duplicate(id, cause));
    }

    /** Says that a part of the routes is unknown. */
    void incomplete() {
        incomplete = true;
    }

    /** Returns whether a part of the routes is unknown, so that a thing that the rest lacks may be there. */
    boolean isIncomplete() {
        return incomplete;
    }

    /** Returns the faults so far. */
    List<RouteFault> faults() {
        return List.copyOf(faults);
    }
}
