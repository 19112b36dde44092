package soak;

import static soak.Output.now;
import static soak.Output.say;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Collectors;

/**
 * A soak of the mirror: clients that pull and push all the time and know every right answer, before two real registries that are
 * killed, stopped, restarted and slowed in an order that a seed decides. Between the mirror and each registry is a proxy of
 * this program's own, which can hold, thin out and cut what passes.
 *
 * <p>Options, each {@code --name value}: {@code catalog} (what is where, see {@link Catalog}), {@code mirror} (a file that
 * will hold the mirror's host:port, process id and host:port for management, once it is up), {@code log} (the mirror's), {@code figures} (the file to
 * write results to, a line of {@code name=value} each), {@code jcmd}, {@code seconds}, {@code seed}, {@code clients},
 * {@code rate} (requests a second), {@code cache} (how long the mirror may go by what it remembers of a tag or a miss, in ms),
 * {@code work} (a folder); and for {@code hot} and {@code cold} {@code …-port} (the proxy's), {@code …-backend} (the
 * registry's own port) and {@code …-config} (its configuration file).
 */
public final class Soak {

    private static final int PUSHERS = 4;
    private static final double PUSH_PACE = 2_000;

    private final Map<String, String> options;
    private final long seed;
    private final Map<String, Registry> registries = new LinkedHashMap<>();
    private final Catalog catalog;
    private final Tally tally;
    private volatile boolean running = true;

    private Soak(Map<String, String> options) throws IOException {
        this.options = options;
        this.seed = Long.parseLong(option("seed"));
        this.tally = new Tally(Path.of(option("log")));
        for (String name : List.of("hot", "cold")) {
            registries.put(name, new Registry(name, number(name + "-port"), number(name + "-backend"),
                    Path.of(option(name + "-config")), Path.of(option("work"))));
        }
        this.catalog = new Catalog(Path.of(option("catalog")), registries);
    }

    public static void main(String[] arguments) throws Exception {
        Map<String, String> options = new HashMap<>();
        for (int i = 0; i + 1 < arguments.length; i += 2) {
            options.put(arguments[i].substring(2), arguments[i + 1]);
        }
        new Soak(options).run();
        System.exit(0);
    }

    private void run() throws Exception {
        Runtime.getRuntime().addShutdownHook(new Thread(() -> registries.values().forEach(Registry::end)));
        for (Registry registry : registries.values()) {
            registry.start();
        }
        Path file = Path.of(option("mirror"));
        while (!Files.exists(file)) {
            Thread.sleep(100);
        }
        String[] mirror = Files.readString(file).strip().split("[: ]");
        InetSocketAddress address = new InetSocketAddress(mirror[0], Integer.parseInt(mirror[1]));
        long pid = Long.parseLong(mirror[2]);
        Path process = Path.of("/proc/" + pid);
        new SlowWatch(mirror[3] + ":" + mirror[4], registries).start(() -> Files.exists(process));
        Judge judge = new Judge(registries, catalog, number("cache"), tally);

        Pushes pushes = new Pushes(judge, tally);

        say("warming up");
        warmUp(address, judge, pushes);
        settle(process);
        Vitals before = Vitals.of(pid, option("jcmd"));
        tally.reset();

        int seconds = number("seconds");
        long begun = now();
        say("seed " + seed + ": " + seconds + " s, " + number("clients") + " clients, " + number("rate") + " requests/s at most");
        List<Thread> clients = new ArrayList<>();
        for (int i = 0; i < number("clients"); i++) {
            Client client = new Client(address, catalog, judge, new Random(seed * 1000 + i));
            Thread thread = new Thread(() -> client.pullUntil(() -> !running, number("clients") * 1000.0 / number("rate")),
                    "client-" + i);
            thread.start();
            clients.add(thread);
        }
        for (int i = 0; i < PUSHERS; i++) {
            Pusher pusher = pusher("pusher-" + i, address, judge, pushes, new Random(seed * 2000 + i));
            Thread thread = new Thread(() -> pusher.pushUntil(() -> !running, PUSH_PACE), "pusher-" + i);
            thread.start();
            clients.add(thread);
        }
        Chaos chaos = new Chaos(List.copyOf(registries.values()), new Random(seed), tally);
        chaos.until(begun + seconds * 1000L - Registry.RECOVERY - 3_000, () -> Files.exists(process));
        // The last quiet phase: everything has to be served again.
        while (Files.exists(process) && now() < begun + seconds * 1000L) {
            Thread.sleep(100);
        }
        running = false;
        for (Thread client : clients) {
            client.join(Connection.LONGEST_SILENCE + 10_000);
        }
        long stuck = clients.stream().filter(Thread::isAlive).count();
        long took = now() - begun;
        if (Files.exists(process)) {
            say("pulling back what was pushed");
            pushes.pullBack(new Client(address, catalog, judge, new Random(seed)));
        }
        int settled = settle(process);
        boolean alive = Files.exists(process);
        Vitals after = alive ? Vitals.of(pid, option("jcmd")) : before;

        Map<String, Object> figures = tally.report(took, registries.values());
        figures.put("stuck", stuck);
        figures.put("alive", alive ? 1 : 0);
        long slow = registries.values().stream().mapToLong(Registry::longestSlow).max().orElse(0);
        System.out.println("  slow after trouble   " + slow + " ms at most");
        figures.put("slow_ms", slow);
        System.out.println("  idle connections of the mirror to registries, and idle workers, were gone after " + settled + " s");
        before.compare(after, figures);
        tally.explain();
        Files.writeString(Path.of(option("figures")), figures.entrySet().stream()
                .map(figure -> figure.getKey() + "=" + figure.getValue() + "\n").collect(Collectors.joining()));
    }

    /** Asks for everything once, and often enough for what a mirror makes only when it is needed. */
    private void warmUp(InetSocketAddress address, Judge judge, Pushes pushes) throws InterruptedException {
        Thread.sleep(Registry.RECOVERY);
        AtomicInteger left = new AtomicInteger(800);
        Client client = new Client(address, catalog, judge, new Random(seed));
        client.pullUntil(() -> left.decrementAndGet() < 0, 1);
        List<Thread> pushers = new ArrayList<>();
        for (int i = 0; i < PUSHERS; i++) {
            AtomicInteger images = new AtomicInteger(10);
            Pusher pusher = pusher("warm-" + i, address, judge, pushes, new Random(seed + i));
            Thread thread = new Thread(() -> pusher.pushUntil(() -> images.decrementAndGet() < 0, 1), "warm-" + i);
            thread.start();
            pushers.add(thread);
        }
        for (Thread pusher : pushers) {
            pusher.join();
        }
    }

    private Pusher pusher(String name, InetSocketAddress address, Judge judge, Pushes pushes, Random random) {
        return new Pusher(name, new Client(address, catalog, judge, random), judge, pushes, random);
    }

    /**
     * Waits until the mirror has let go of idle connections, all but those that probes use, and of idle workers, which it keeps
     * for 30 s; a minute at most. Returns the seconds it took.
     */
    private int settle(Path process) throws InterruptedException {
        long begun = now();
        Thread.sleep(3_000);
        while (now() - begun < 60_000 && (workers(process) > 2
                || registries.values().stream().anyMatch(registry -> registry.proxy.connections.size() > 2))) {
            Thread.sleep(200);
        }
        return (int) ((now() - begun) / 1000);
    }

    private static long workers(Path process) {
        try {
            return Vitals.threads(process).getOrDefault("worker", 0L);
        } catch (IOException | UncheckedIOException e) {
            return 0; // the process is gone
        }
    }

    private String option(String name) {
        String value = options.get(name);
        if (value == null) {
            throw new IllegalArgumentException("--" + name + " is missing");
        }
        return value;
    }

    private int number(String name) {
        return Integer.parseInt(option(name));
    }
}
