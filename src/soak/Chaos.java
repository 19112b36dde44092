package soak;

import static soak.Output.now;
import static soak.Output.say;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.function.BooleanSupplier;

/** Decides what happens to which registry, and when. */
final class Chaos {

    private final List<Registry> registries;
    private final Random random;
    private final Tally tally;
    private final Map<Registry, List<Fault>> bags = new HashMap<>();

    /** @param delay how long the registry is left alone before */
    private record Blow(Fault fault, int delay, int duration) {
    }

    Chaos(List<Registry> registries, Random random, Tally tally) {
        this.registries = registries;
        this.random = random;
        this.tally = tally;
    }

    /** Goes on until then, and leaves everything up. The first is always that hot is killed. */
    void until(long end, BooleanSupplier going) throws InterruptedException {
        episode(Map.of(registries.get(0), List.of(new Blow(Fault.KILLED, 2_000, 6_000))), end);
        while (going.getAsBoolean() && now() + Registry.RECOVERY < end) {
            Thread.sleep(Registry.RECOVERY + random.nextInt(1_000, 3_500));
            episode(plan(), end);
        }
    }

    /** What is to be the matter with one registry, with the other, or with both. */
    private Map<Registry, List<Blow>> plan() {
        int kind = random.nextInt(100);
        Registry hot = registries.get(0);
        Registry cold = registries.get(1);
        if (kind < 50) {
            return Map.of(hot, blows(hot, 1 + random.nextInt(3), 0));
        } else if (kind < 67) {
            return Map.of(cold, blows(cold, 1 + random.nextInt(2), 0));
        } else if (kind < 82) {
            return Map.of(hot, blows(hot, 1, 0), cold, blows(cold, 1, 0));
        }
        // In turn: the second goes while the first is still away or has just come back.
        Registry first = registries.get(random.nextInt(2));
        Registry second = first == hot ? cold : hot;
        return Map.of(first, blows(first, 1, 0), second, blows(second, 1, random.nextInt(1_000, 6_000)));
    }

    /** Makes it happen; all are up again when it returns. */
    private void episode(Map<Registry, List<Blow>> plan, long end) throws InterruptedException {
        List<Thread> threads = new ArrayList<>();
        plan.forEach((registry, blows) -> threads.add(new Thread(() -> strike(registry, blows, end), "chaos-" + registry)));
        threads.forEach(Thread::start);
        for (Thread thread : threads) {
            thread.join();
        }
    }

    private List<Blow> blows(Registry registry, int count, int delay) {
        List<Blow> blows = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            int duration = random.nextInt(10) == 0 ? random.nextInt(50, 500) : random.nextInt(2_000, 8_000);
            blows.add(new Blow(draw(registry), i == 0 ? delay : random.nextInt(2) * random.nextInt(2_000), duration));
        }
        return blows;
    }

    /** Draws from a bag, so that each fault comes in its turn. */
    private Fault draw(Registry registry) {
        List<Fault> bag = bags.computeIfAbsent(registry, key -> new ArrayList<>());
        if (bag.isEmpty()) {
            bag.addAll(List.of(Fault.values()));
            Collections.shuffle(bag, random);
        }
        return bag.remove(bag.size() - 1);
    }

    private void strike(Registry registry, List<Blow> blows, long end) {
        try {
            for (Blow blow : blows) {
                if (now() + blow.delay >= end - 500) {
                    return;
                }
                Thread.sleep(blow.delay);
                say(registry + " " + blow.fault + " for " + blow.duration + " ms");
                tally.fault(registry, blow.fault);
                registry.begin(blow.fault);
                Thread.sleep(Math.min(blow.duration, Math.max(0, end - now())));
                registry.recover(blow.fault);
            }
        } catch (IOException | InterruptedException e) {
            e.printStackTrace(System.out);
            System.exit(1);
        }
    }
}
