package io.mirrorregistry.testing;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.jar.JarOutputStream;
import java.util.stream.Stream;
import java.util.zip.ZipEntry;
import javax.tools.ToolProvider;

/** A jar with strategies, made by a test: {@code TestPlugin.strategy("mine", "List.of(\"cold\")").writeTo(file)}. */
public final class TestPlugin {

    private static final String SERVICE = "META-INF/services/io.mirrorregistry.plan.Strategy";

    private final Map<String, String> sources = new LinkedHashMap<>();
    private final List<String> services = new ArrayList<>();
    private boolean withServices = true;

    /** Makes one with a strategy of that name that asks the registries that an expression gives. */
    public static TestPlugin strategy(String name, String order) {
        return new TestPlugin().with("Mine", """
                public String name() {
                    return "%s";
                }
                public List<String> order(PlanRequest request, Registries registries) {
                    return %s;
                }
                """.formatted(name, order));
    }

    /** Adds a class in the package {@code plug} that is a strategy. */
    public TestPlugin with(String className, String body) {
        return with(className, "implements Strategy", body);
    }

    /** Adds a class in the package {@code plug} to the service's file. */
    public TestPlugin with(String className, String kind, String body) {
        services.add("plug." + className);
        return library(className, kind, body);
    }

    /** Adds a class in the package {@code plug} that is no service. */
    public TestPlugin library(String className, String kind, String body) {
        sources.put(className, """
                package plug;
                import io.mirrorregistry.plan.Strategy;
                import io.mirrorregistry.testing.PluginEvents;
                import java.util.List;
                import java.util.Map;
                public final class %s %s {
                %s
                }
                """.formatted(className, kind, body));
        return this;
    }

    /** Names a class in the service's file that the jar may not have. */
    public TestPlugin naming(String className) {
        services.add(className);
        return this;
    }

    public TestPlugin withoutServices() {
        withServices = false;
        return this;
    }

    /** Writes the jar over a file, in place. */
    public void writeTo(Path jar) throws IOException {
        Map<String, byte[]> entries = new TreeMap<>(compile());
        if (withServices) {
            entries.put(SERVICE, String.join("\n", services).getBytes(StandardCharsets.UTF_8));
        }
        write(jar, entries);
    }

    /** Writes a jar with these entries. */
    public static void write(Path jar, Map<String, byte[]> entries) throws IOException {
        try (OutputStream file = Files.newOutputStream(jar); JarOutputStream out = new JarOutputStream(file)) {
            for (Map.Entry<String, byte[]> entry : entries.entrySet()) {
                out.putNextEntry(new ZipEntry(entry.getKey()));
                out.write(entry.getValue());
            }
        }
    }

    private Map<String, byte[]> compile() throws IOException {
        Path directory = Files.createTempDirectory("plugin");
        Map<String, byte[]> classes = new TreeMap<>();
        List<String> arguments = new ArrayList<>(List.of("-cp", System.getProperty("java.class.path"), "-proc:none", "-d", directory.toString()));
        for (Map.Entry<String, String> source : sources.entrySet()) {
            arguments.add(Files.writeString(directory.resolve(source.getKey() + ".java"), source.getValue()).toString());
        }
        if (!sources.isEmpty() && ToolProvider.getSystemJavaCompiler().run(null, null, null, arguments.toArray(String[]::new)) != 0) {
            throw new IllegalStateException("the plug-in does not compile");
        }
        try (Stream<Path> files = Files.walk(directory)) {
            for (Path file : files.filter(path -> path.toString().endsWith(".class")).toList()) {
                classes.put(directory.relativize(file).toString(), Files.readAllBytes(file));
            }
        }
        try (Stream<Path> files = Files.walk(directory)) {
            for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(file);
            }
        }
        return classes;
    }
}
