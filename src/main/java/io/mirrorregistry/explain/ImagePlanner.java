package io.mirrorregistry.explain;

import io.mirrorregistry.cache.Remembered;
import io.mirrorregistry.plan.Namespaces;
import io.mirrorregistry.plan.Plan;
import io.mirrorregistry.protocol.Reference;
import io.mirrorregistry.pull.PlanStep;
import io.mirrorregistry.reload.Generation;
import io.mirrorregistry.reload.LiveRoutes;
import io.mirrorregistry.work.FatalErrors;
import io.mirrorregistry.work.MemoryBudget;
import io.vertx.core.Vertx;
import java.time.Duration;
import java.util.Locale;
import java.util.concurrent.ExecutionException;
import java.util.regex.Pattern;

/**
 * Finds out which registries a client's request for an image asks, by the route that plans requests. No registry is asked. For any thread but the event
 * loop; {@link #plan} blocks for as long as the route takes, at most {@link #LONGEST}.
 */
public final class ImagePlanner implements AutoCloseable {

    private static final Duration LONGEST = Duration.ofSeconds(10);
    private static final Duration GRACE = Duration.ofSeconds(5);
    private static final Pattern LOCAL = Pattern.compile("(localhost|127\\.[0-9.]+|\\[::1\\]):[0-9]+");

    private final LiveRoutes live;
    private final Planner planner;
    private final PlanRuns runs;
    private final Namespaces namespaces;

    /**
     * An image and the registries that are asked for it.
     *
     * @param name its name as a client writes it after the mirror's address, such as {@code ghcr.io/org/app}
     * @param plan null if there is none
     * @param failure why there is none, as a part of a sentence; null if there is one
     */
    public record ImagePlan(String name, Reference reference, Plan plan, String failure) {
    }

    /** A text is no name of an image, or one of a host that no registry serves; the message is one sentence. */
    public static final class InvalidImageException extends Exception {

        private InvalidImageException(String message) {
            super(message, null, false, false);
        }
    }

    /** @param memory bounds what responses take, if the route calls registries */
    public ImagePlanner(Vertx vertx, LiveRoutes live, PlanStep plan, MemoryBudget memory, Namespaces namespaces) {
        this.live = live;
        // Lists plan thousands of images; looking into the cache for each would take processor time from pulls.
        this.planner = new Planner(plan, (made, reference) -> Remembered.NOTHING, memory);
        this.runs = new PlanRuns(vertx, "warm-plan", LONGEST, GRACE);
        this.namespaces = namespaces;
    }

    /**
     * Plans an image.
     *
     * @param image NAME[:TAG] or NAME@DIGEST, with or without a host name
     */
    public ImagePlan plan(String image) throws InvalidImageException {
        Question question;
        try {
            question = Question.read(image, null, null, null, namespaces);
        } catch (Question.InvalidException e) {
            throw new InvalidImageException(e.getMessage());
        }
        String host = question.namespace() == null ? addressOf(image) : question.namespace();
        if (host != null && !namespaces.isServed(host)) {
            throw new InvalidImageException("No registry serves " + host + ", so that pulls of it would get other images: name it in "
                    + "mirror.registry.NAME.serves of the registry that has its images, or leave it out if it is the address of this mirror.");
        }
        String name = (question.namespace() == null ? "" : question.namespace() + "/") + question.path().repository();
        Planner.Planned planned = run(question);
        String failure = planned == null ? "the route plan has not ended in time" : planned.plan() == null ? why(planned) : null;
        return new ImagePlan(name, question.path().reference(), planned == null ? null : planned.plan(), failure);
    }

    /** Returns the address with a port that the name begins with; null for none, and for one of this machine, which is taken for the mirror's. */
    private static String addressOf(String image) {
        String name = image.strip();
        String first = name.substring(0, Math.max(0, name.indexOf('/'))).toLowerCase(Locale.ROOT);
        return first.indexOf(':') < 0 || LOCAL.matcher(first).matches() ? null : first;
    }

    private static String why(Planner.Planned planned) {
        return planned.failure() == null ? "the route plan responds " + planned.status() : planned.failure();
    }

    /** Returns null if the route has not ended in time. */
    private Planner.Planned run(Question question) {
        if (runs.isStuck()) {
            return null;
        }
        Generation generation = live.enter();
        PlanRuns.Run<Planner.Planned> run;
        try {
            run = runs.start(question.path().toString(), () -> planner.plan(question, generation.camel()));
        } catch (RuntimeException | Error e) {
            generation.leave();
            throw e;
        }
        run.over().onComplete(over -> generation.leave());
        try {
            return run.result().toCompletionStage().toCompletableFuture().get();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return null;
        } catch (ExecutionException e) {
            FatalErrors.check(e.getCause());
            return null;
        }
    }

    /** Ends the threads. */
    @Override
    public void close() {
        runs.close();
    }
}
