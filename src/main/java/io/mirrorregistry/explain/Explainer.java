package io.mirrorregistry.explain;

import io.mirrorregistry.cache.CacheStep;
import io.mirrorregistry.explain.Planner.Planned;
import io.mirrorregistry.plan.Plan;
import io.mirrorregistry.pull.PlanStep;
import io.mirrorregistry.registry.Registry;
import io.mirrorregistry.registry.folder.FolderRegistry;
import io.mirrorregistry.reload.Generation;
import io.mirrorregistry.reload.LiveRoutes;
import io.mirrorregistry.work.MemoryBudget;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import io.vertx.core.WorkerExecutor;
import io.vertx.core.json.JsonObject;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * Explains what a client would get for an image: has the current routes plan the request, looks into memory, and asks each registry of the
 * plan, all at the same time. Threads of its own do what blocks.
 */
public final class Explainer implements AutoCloseable {

    /** Explanations at the same time. */
    static final int MOST = 2;
    /** Threads for calls. */
    private static final int THREADS = 12;
    private static final Duration LONGEST = Duration.ofSeconds(25);
    /** How long a plan that was interrupted may take to end before its generation of routes may be closed all the same. */
    private static final Duration GRACE = Duration.ofSeconds(5);

    private final LiveRoutes live;
    private final Planner planner;
    private final RegistryAsker asker;
    private final PlanRuns plans;
    private final WorkerExecutor threads;
    /** The explanations whose plan has neither ended nor reached its deadline, or whose calls have not ended. */
    private final AtomicInteger running = new AtomicInteger();

    /** No explanation can be made now; the message is one sentence. */
    static final class BusyException extends Exception {

        private BusyException(String message) {
            super(message, null, false, false);
        }
    }

    /**
     * @param vertx makes the pools of threads
     * @param plan knows the namespaces
     * @param cache is looked into, and not changed
     * @param registries all that settings define, by name
     * @param folders the registries among them that are folders
     * @param memory bounds what responses take, together with those of clients' requests
     */
    public Explainer(Vertx vertx, LiveRoutes live, PlanStep plan, CacheStep cache, Map<String, Registry> registries, Map<String, FolderRegistry> folders,
            MemoryBudget memory) {
        this.live = live;
        this.planner = new Planner(plan, cache::remembered, memory);
        this.asker = new RegistryAsker(registries, folders, memory);
        this.plans = new PlanRuns(vertx, "explain-plan", LONGEST, GRACE);
        this.threads = vertx.createSharedWorkerExecutor("explain", THREADS);
    }

    /**
     * Explains a request. May be called on the event loop.
     *
     * @return the explanation as JSON; fails with a {@link BusyException}, or a {@link TimeoutException} if the plan takes more than 25 s
     */
    Future<JsonObject> explain(Question question) {
        if (running.incrementAndGet() > MOST) {
            running.decrementAndGet();
            return Future.failedFuture(new BusyException("The mirror is making " + MOST + " other explanations; try again in some seconds."));
        }
        if (plans.isStuck()) {
            running.decrementAndGet();
            return Future.failedFuture(new BusyException("Too many earlier runs of the route plan hang: there is no explanation until they end or the mirror is "
                    + "restarted; the log names their paths."));
        }
        long end = System.nanoTime() + LONGEST.toNanos();
        Generation generation = live.enter();
        PlanRuns.Run<Planned> run;
        try {
            run = plans.start(question.path().toString(), () -> planner.plan(question, generation.camel()));
        } catch (RuntimeException | Error e) {
            generation.leave();
            running.decrementAndGet();
            throw e;
        }
        Future<Planned> planned = run.result();
        Future<List<Future<RegistryAnswer>>> calls = planned.map(made -> calls(question, generation, made));
        calls.compose(Future::join).onComplete(ended -> {
            running.decrementAndGet();
            run.over().onComplete(over -> generation.leave());
        });
        return calls.compose(all -> inTime(planned.result(), all, end)).map(answers -> json(question, planned.result(), answers));
    }

    private List<Future<RegistryAnswer>> calls(Question question, Generation generation, Planned planned) {
        if (planned.plan() == null) {
            return List.of();
        }
        return planned.plan().targets().stream()
                .map(target -> threads.executeBlocking(() -> asker.ask(generation.camel(), target, question.path()), false)).toList();
    }

    /** Returns the answers in the order of the plan; for those that are late, that they are. */
    private Future<List<RegistryAnswer>> inTime(Planned planned, List<Future<RegistryAnswer>> calls, long end) {
        long began = System.nanoTime();
        long millis = Math.max(1, TimeUnit.NANOSECONDS.toMillis(end - began));
        List<Future<RegistryAnswer>> all = new ArrayList<>(calls.size());
        for (int i = 0; i < calls.size(); i++) {
            Plan.Target target = planned.plan().targets().get(i);
            all.add(calls.get(i).timeout(millis, TimeUnit.MILLISECONDS).recover(failure -> failure instanceof TimeoutException
                    ? Future.succeededFuture(asker.late(target, millis)) : Future.failedFuture(failure)));
        }
        return Future.all(all).map(done -> done.<RegistryAnswer>list());
    }

    private static JsonObject json(Question question, Planned planned, List<RegistryAnswer> answers) {
        return new Explanation(question, planned, answers).toJson();
    }

    /** Ends the threads. Vert.x ends them with itself, but keeps each pool that is not closed in memory, and itself with it. */
    @Override
    public void close() {
        threads.close();
        plans.close();
    }
}
