package io.mirrorregistry;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.mirrorregistry.config.InvalidSettingException;
import io.mirrorregistry.config.Settings;
import io.mirrorregistry.config.SettingsReader;
import io.mirrorregistry.registry.Step;
import io.mirrorregistry.reload.GenerationParts;
import io.mirrorregistry.reload.RouteEnvironment;
import java.io.IOException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.lang.reflect.Parameter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.apache.camel.Exchange;
import org.apache.camel.main.MainConfigurationProperties;
import org.apache.camel.spi.HeaderFilterStrategy;
import org.apache.camel.spi.LogListener;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.snakeyaml.engine.v2.api.Load;
import org.snakeyaml.engine.v2.api.LoadSettings;

/**
 * The table of steps in docs/routes.md is the one that the annotations {@link Step} make. {@code ./mvnw test -Dtest=StepTableTest -Dupdate} writes it
 * into the page.
 */
class StepTableTest {

    private static final Path PAGE = Path.of("docs/routes.md");
    private static final String BEGIN = "<!-- The table of steps. Written by: ./mvnw test -Dtest=StepTableTest -Dupdate -->\n";
    private static final String END = "<!-- The end of the table of steps. -->\n";
    private static Parts parts;
    private static RouteEnvironment environment;
    /** The methods that routes may call, by their names in the table. */
    private static final Map<String, Method> STEPS = new TreeMap<>();
    /** The names of all beans but those of registries. */
    private static final Set<String> BEANS = new TreeSet<>();

    @BeforeAll
    static void findSteps() throws Exception {
        Settings settings = SettingsReader.read(Path.of(""), Map.of("MIRROR_REGISTRY_COLD_URL", "oci:images"), "test");
        parts = new Parts(settings, "test", null, null, null);
        environment = parts.environment(new MainConfigurationProperties());
        Map<String, Object> beans = new HashMap<>();
        parts.beans().keySet().forEach(name -> beans.put(name, parts.beans().lookupByName(name)));
        try (GenerationParts generation = environment.parts().make()) {
            beans.putAll(generation.beans());
        }
        BEANS.addAll(beans.keySet());
        BEANS.removeAll(settings.registries().keySet());
        // Named by endpoints, not by steps, and found by Camel.
        beans.values().removeIf(bean -> bean instanceof HeaderFilterStrategy || bean instanceof LogListener);
        beans.forEach((bean, object) -> {
            for (Method method : object.getClass().getMethods()) {
                if (isStep(method)) {
                    STEPS.put(general(bean, settings.registries().keySet()) + "." + method.getName(), method);
                }
            }
        });
    }

    @AfterAll
    static void close() {
        parts.close();
    }

    /** Camel passes the exchange to a method of a bean; methods without it are for Java. */
    private static boolean isStep(Method method) {
        return method.getDeclaringClass().getName().startsWith("io.mirrorregistry.") && !Modifier.isStatic(method.getModifiers())
                && Arrays.asList(method.getParameterTypes()).contains(Exchange.class);
    }

    /** Returns the name of a bean with NAME for the name of a registry or a strategy. */
    private static String general(String bean, Set<String> registries) {
        if (bean.startsWith("strategy.")) {
            return "strategy.NAME";
        }
        return registries.stream().filter(registry -> bean.equals(registry) || bean.startsWith(registry + ".")).findFirst()
                .map(registry -> "NAME" + bean.substring(registry.length())).orElse(bean);
    }

    private static List<String> words(String... lists) {
        return Arrays.stream(lists).flatMap(list -> Stream.of(list.split(" or "))).toList();
    }

    private static String throwsOf(Method method) {
        Map<Class<?>, String> names = new HashMap<>();
        environment.words().forEach((word, exception) -> names.put(exception, word));
        return Stream.concat(Stream.of(method.getExceptionTypes()), Stream.of(method.getAnnotation(Step.class).fails()))
                .map(exception -> "`" + names.getOrDefault(exception, "Failure") + "`").distinct().collect(Collectors.joining(", "));
    }

    /** Returns the call as a route writes it, such as {@code plan.ask(names)}. */
    private static String call(String name, Method method) {
        String parameters = Arrays.stream(method.getParameters()).filter(parameter -> parameter.getType() != Exchange.class).map(Parameter::getName)
                .collect(Collectors.joining(", "));
        return "`" + name + (parameters.isEmpty() ? "" : "('" + parameters + "')") + "`";
    }

    private static String list(String[] words, Set<String> variables) {
        return Arrays.stream(words).map(some -> words(some).stream().map(word -> variables.contains(word) ? "`" + word + "`" : word)
                .collect(Collectors.joining(" or "))).collect(Collectors.joining(", "));
    }

    private static String table(Set<String> variables) {
        StringBuilder table = new StringBuilder("| step | needs | sets | throws |\n|---|---|---|---|\n");
        STEPS.forEach((name, method) -> {
            Step step = method.getAnnotation(Step.class);
            table.append(("| " + call(name, method) + " | " + list(step.needs(), variables) + " | " + list(step.sets(), variables) + " | "
                    + throwsOf(method) + " |\n").replace("|  |", "| |").replace("|  |", "| |"));
        });
        return table.toString();
    }

    /** Returns the first cells of the table under a head, without backticks. */
    private static Set<String> firstCells(String page, String head) {
        int begin = page.indexOf("\n" + head);
        assertTrue(begin >= 0, PAGE + " has no table " + head);
        Set<String> cells = new TreeSet<>();
        page.substring(begin + 1).lines().skip(2).takeWhile(line -> line.startsWith("|"))
                .forEach(line -> assertTrue(cells.add(line.split("\\|")[1].strip().replace("`", "")), line));
        return cells;
    }

    /** A registry is a bean of its name. */
    @Test
    void noRegistryMayHaveTheNameOfAnotherBean(@TempDir Path directory) throws IOException {
        List<String> names = BEANS.stream().filter(name -> name.matches("[a-z][a-z0-9-]*")).toList();
        assertTrue(names.containsAll(List.of("plan", "push", "lookahead", "event-loop")), names.toString());
        for (String name : names) {
            // In a file: a variable has the same sign for a hyphen and for the end of the name.
            Files.writeString(directory.resolve("application.properties"), "mirror.registry.cold.url=http://x\nmirror.registry." + name + ".url=http://x\n");
            String refusal = assertThrows(InvalidSettingException.class, () -> SettingsReader.read(directory, Map.of(), "test"), name).getMessage();
            assertTrue(refusal.matches("mirror\\.registry\\." + name + "\\.url.* cannot work: (routes have a step of the name " + name + "|" + name + " is a reserved word; .*)"), refusal);
        }
    }

    @Test
    void everyStepOfTheBeansIsAnnotated() {
        STEPS.forEach((name, method) -> assertNotNull(method.getAnnotation(Step.class), name + " is a public method with an exchange and has no @Step"));
        assertTrue(STEPS.size() > 40, STEPS.keySet().toString());
    }

    @Test
    void everyWordIsExplained() throws Exception {
        String page = Files.readString(PAGE);
        Set<String> used = new TreeSet<>();
        STEPS.values().forEach(method -> {
            used.addAll(words(method.getAnnotation(Step.class).needs()));
            used.addAll(words(method.getAnnotation(Step.class).sets()));
        });
        Set<String> explained = new TreeSet<>(firstCells(page, "| variable |"));
        explained.addAll(firstCells(page, "| fact |"));
        assertEquals(explained, used);
        Set<String> set = STEPS.values().stream().flatMap(method -> words(method.getAnnotation(Step.class).sets()).stream()).collect(Collectors.toSet());
        for (String variable : firstCells(page, "| variable |")) {
            assertTrue(set.contains(variable), "no step sets the variable " + variable);
        }
    }

    @Test
    void theTableOfThePageIsTheOneThatTheAnnotationsMake() throws Exception {
        String page = Files.readString(PAGE);
        int begin = page.indexOf(BEGIN) + BEGIN.length();
        int end = page.indexOf(END);
        assertTrue(begin >= BEGIN.length() && end >= begin, PAGE + " has no place for the table");
        String expected = table(firstCells(page, "| variable |"));
        if (System.getProperty("update") != null) {
            Files.writeString(PAGE, page.substring(0, begin) + expected + page.substring(end));
        } else {
            assertEquals(expected, page.substring(begin, end), PAGE + " is stale: run ./mvnw test -Dtest=StepTableTest -Dupdate");
        }
    }

    @Test
    void theRoutesCallStepsOfTheTableOnlyAndReadVariablesThatStepsSet() throws Exception {
        Set<String> variables = firstCells(Files.readString(PAGE), "| variable |");
        List<String> calls = new ArrayList<>();
        try (Stream<Path> files = Files.list(Path.of("routes"))) {
            for (Path file : files.filter(path -> path.toString().endsWith(".camel.yaml")).sorted().toList()) {
                String text = Files.readString(file);
                collect(new Load(LoadSettings.builder().build()).loadFromString(text), calls);
                Pattern.compile("\\$\\{variable\\.([^}]+)}").matcher(text).results().map(found -> found.group(1))
                        .forEach(variable -> assertTrue(variables.contains(variable), file + " reads the variable " + variable + ", which no step sets"));
            }
        }
        assertTrue(calls.size() > 40, calls.toString());
        calls.forEach(call -> assertTrue(STEPS.containsKey(call), "routes call " + call + ", which is no step"));
    }

    /** Adds the names of all steps {@code bean} in this part of a file. */
    private static void collect(Object node, List<String> calls) {
        if (node instanceof List<?> list) {
            list.forEach(item -> collect(item, calls));
        } else if (node instanceof Map<?, ?> map) {
            map.forEach((key, value) -> {
                if (key.equals("bean") && value instanceof Map<?, ?> bean) {
                    calls.add(String.valueOf(bean.get("ref")).replace("{{name}}", "NAME") + "."
                            + String.valueOf(bean.get("method")).replaceFirst("\\(.*", ""));
                }
                collect(value, calls);
            });
        }
    }
}
