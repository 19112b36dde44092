package io.mirrorregistry.reload;

import io.mirrorregistry.logging.Logs;
import io.mirrorregistry.work.FatalErrors;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.apache.camel.StartupSummaryLevel;
import org.apache.camel.impl.DefaultCamelContext;
import org.apache.camel.spi.Registry;

/**
 * Finds out whether a set of route files is sound: the YAML, the endpoints and their parameters,
 * beans and their methods, placeholders, expressions, ids, templates, and that each {@code direct:} leads somewhere. The routes are
 * built in a CamelContext of their own that starts none of them. If they are sound, they are rehearsed in another one.
 */
public final class RouteCheck {

    /** Longer than requests of a rehearsal may take together, with the start and stop of their context. */
    private static final Duration LONGEST_REHEARSAL = Duration.ofSeconds(30);

    private final Registry beans;
    private final RouteEnvironment environment;
    /** Null for none. */
    private final RouteRehearsal rehearsal;
    private Map<String, String> notInUse = Map.of();

    /**
     * @param beans what routes may name; not changed
     * @param environment what else they may name
     * @param rehearsal runs the routes that are sound otherwise
     */
    public RouteCheck(Registry beans, RouteEnvironment environment, RouteRehearsal rehearsal) {
        this.beans = beans;
        this.environment = environment;
        this.rehearsal = rehearsal;
    }

    /** Makes a check that runs no routes. */
    RouteCheck(Registry beans, RouteEnvironment environment) {
        this(beans, environment, null);
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

    /** Returns the files of the last check of which no route is in use, and why. For the thread that checks. */
    Map<String, String> notInUse() {
        return notInUse;
    }

    /** Returns where the parts of generations come from. */
    GenerationParts.Source parts() {
        return environment.parts();
    }

    /**
     * Returns what is wrong with a folder, at a start, which should be quick: the files that the program itself carries were checked when
     * it was built, and are not checked again while the parts have no fault. No routes are rehearsed.
     *
     * @throws IOException when the program's jar cannot be read
     */
    List<RouteFault> faultsAtStart(RouteFolder.Contents contents) throws IOException {
        if (!contents.faults().isEmpty() || !contents.files().equals(RouteFolder.shipped())) {
            return faults(contents, null);
        }
        try (GenerationParts parts = environment.makeParts()) {
            if (parts.faults().isEmpty() && (parts.chosen() == null || isThere(parts.chosen().address(), contents, parts))) {
                return List.of();
            }
        } catch (RoutesFailedException e) {
            return List.of(RouteFault.ofFolder(e.getMessage()));
        }
        return faults(contents, null);
    }

    private static boolean isThere(String address, RouteFolder.Contents contents, GenerationParts parts) {
        return parts.wanted().stream().anyMatch(route -> route.address().equals(address))
                || contents.files().values().stream().anyMatch(file -> file.text().lines().anyMatch(line -> line.strip().equals("uri: " + address)));
    }

    /** Returns what is wrong, file by file; nothing for a set that is sound. */
    List<RouteFault> faults(RouteFolder.Contents contents) {
        return faults(contents, rehearsal);
    }

    /** @param by null for a check that runs no routes */
    private List<RouteFault> faults(RouteFolder.Contents contents, RouteRehearsal by) {
        try (GenerationParts parts = environment.makeParts()) {
            return faults(contents, parts, by);
        } catch (RoutesFailedException e) {
            return List.of(RouteFault.ofFolder(e.getMessage()));
        }
    }

    private List<RouteFault> faults(RouteFolder.Contents contents, GenerationParts parts, RouteRehearsal by) throws RoutesFailedException {
        List<RouteFault> faults;
        try (DefaultCamelContext camel = context("route-check", parts)) {
            camel.setAutoStartup(false);
            camel.start();
            CheckRun run = new CheckRun(camel, contents, parts, new LeftOut(environment.leftOut()),
                    new UnusedRoutes(() -> context("check-of-unused", parts, environment.asIfUsed()), contents.files(), beans, environment));
            faults = run.faults(environment.registries());
            notInUse = run.notInUse();
        } catch (IOException | RuntimeException e) {
            throw new IllegalStateException("Camel cannot be started to check routes", e);
        }
        return faults.isEmpty() && by != null ? rehearseApart(contents.files(), parts, by) : faults;
    }

    /** Makes a context that is not started. */
    private DefaultCamelContext context(String name, GenerationParts parts) throws RoutesFailedException {
        return context(name, parts, environment);
    }

    private DefaultCamelContext context(String name, GenerationParts parts, RouteEnvironment names) throws RoutesFailedException {
        DefaultCamelContext camel = new DefaultCamelContext(new OverlayRegistry(beans, Set.of()));
        camel.disableJMX();
        camel.getCamelContextExtension().setName(name);
        camel.setLoadHealthChecks(false);
        camel.setStartupSummaryLevel(StartupSummaryLevel.Off);
        parts.beans().forEach(camel.getRegistry()::bind);
        names.apply(camel);
        try {
            ComponentSettings.apply(camel, environment.main());
        } catch (Exception e) {
            throw new RoutesFailedException("the settings of Camel cannot work: " + FaultCauses.describe(e), e);
        }
        return camel;
    }

    /** Rehearses on a thread of that name, so that nothing of it is logged, and with an end if a bean hangs while it is made. */
    private List<RouteFault> rehearseApart(Map<String, RouteFile> files, GenerationParts parts, RouteRehearsal by) throws RoutesFailedException {
        FutureTask<List<RouteFault>> task = new FutureTask<>(() -> rehearse(files, parts, by));
        Thread thread = new Thread(task, Logs.REHEARSAL);
        thread.setDaemon(true);
        thread.start();
        try {
            return task.get(LONGEST_REHEARSAL.toMillis(), TimeUnit.MILLISECONDS);
        } catch (TimeoutException e) {
            task.cancel(true);
            return List.of(RouteFault.ofFolder("the rehearsal of the routes has not ended within " + LONGEST_REHEARSAL.toSeconds() + " s"));
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            task.cancel(true);
            throw new RoutesFailedException("the rehearsal of the routes was interrupted", e);
        } catch (ExecutionException e) {
            throw e.getCause() instanceof RoutesFailedException failed ? failed : new RoutesFailedException(FaultCauses.describe(e.getCause()), e.getCause());
        }
    }

    /** Runs the routes in a context of their own, in which they call stand-ins. */
    private List<RouteFault> rehearse(Map<String, RouteFile> files, GenerationParts parts, RouteRehearsal by) throws RoutesFailedException {
        try (DefaultCamelContext camel = context(Logs.REHEARSAL, parts); RouteRehearsal.Play play = by.prepare(camel)) {
            RouteContexts.load(camel, files);
            TemplateRoutes.add(camel, parts.wanted());
            camel.start();
            MishapFaults mishaps = new MishapFaults(camel, files);
            return play.run(mishaps.words()).map(mishaps::fault).stream().toList();
        } catch (RoutesFailedException e) {
            throw e;
        } catch (Exception | LinkageError | StackOverflowError e) {
            FatalErrors.check(e);
            return List.of(RouteFault.ofFolder("the routes cannot be rehearsed: " + FaultCauses.describe(e)));
        }
    }
}
