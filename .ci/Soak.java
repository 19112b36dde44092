import java.io.BufferedInputStream;
import java.io.ByteArrayOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.time.LocalTime;
import java.time.ZoneId;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.Comparator;
import java.util.HashMap;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.LongAdder;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * A soak of the mirror: clients that pull all the time and know every right answer, before two real registries that are
 * killed, stopped, restarted and slowed in an order that a seed decides. Between the mirror and each registry is a proxy of
 * this program's own, which can hold, thin out and cut what passes.
 *
 * <p>Options, each {@code --name value}: {@code catalog} (what is where, see {@link Catalog}), {@code mirror} (a file that
 * will hold the mirror's host:port and process id, once it is up), {@code log} (the mirror's), {@code figures} (the file to
 * write results to, a line of {@code name=value} each), {@code jcmd}, {@code seconds}, {@code seed}, {@code clients},
 * {@code rate} (requests a second), {@code cache} (how long the mirror may go by what it remembers of a tag or a miss, in ms),
 * {@code work} (a folder); and for {@code hot} and {@code cold} {@code …-port} (the proxy's), {@code …-backend} (the
 * registry's own port) and {@code …-config} (its configuration file).
 */
public final class Soak {

    /** How long after a registry's recovery the mirror may take to notice: the probe's interval, a probe and its trial calls. */
    private static final long RECOVERY = 3_000;
    /** Whatever happens to the registries, no client waits longer for the next byte. */
    private static final int LONGEST_SILENCE = 30_000;
    private static final int MOST_EXPLAINED = 10;
    private static final int MOST_OF_A_KIND = 3;
    private static final DateTimeFormatter TIME = DateTimeFormatter.ofPattern("HH:mm:ss.SSS");

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
        Judge judge = new Judge(registries, catalog, number("cache"), tally);

        say("warming up");
        warmUp(address, judge);
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
        Chaos chaos = new Chaos(List.copyOf(registries.values()), new Random(seed), tally);
        chaos.until(begun + seconds * 1000L - RECOVERY - 3_000, () -> Files.exists(process));
        // The last quiet phase: everything has to be served again.
        while (Files.exists(process) && now() < begun + seconds * 1000L) {
            Thread.sleep(100);
        }
        running = false;
        for (Thread client : clients) {
            client.join(LONGEST_SILENCE + 10_000);
        }
        long stuck = clients.stream().filter(Thread::isAlive).count();
        long took = now() - begun;
        int settled = settle(process);
        boolean alive = Files.exists(process);
        Vitals after = alive ? Vitals.of(pid, option("jcmd")) : before;

        Map<String, Object> figures = tally.report(took, registries.values());
        figures.put("stuck", stuck);
        figures.put("alive", alive ? 1 : 0);
        System.out.println("  idle connections of the mirror to registries, and idle workers, were gone after " + settled + " s");
        before.compare(after, figures);
        tally.explain();
        Files.writeString(Path.of(option("figures")), figures.entrySet().stream()
                .map(figure -> figure.getKey() + "=" + figure.getValue() + "\n").collect(Collectors.joining()));
    }

    /** Asks for everything once, and often enough for what a mirror makes only when it is needed. */
    private void warmUp(InetSocketAddress address, Judge judge) throws InterruptedException {
        Thread.sleep(RECOVERY);
        AtomicInteger left = new AtomicInteger(800);
        Client client = new Client(address, catalog, judge, new Random(seed));
        client.pullUntil(() -> left.decrementAndGet() < 0, 1);
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

    private static long now() {
        return System.currentTimeMillis();
    }

    private static String time(long at) {
        return TIME.format(LocalTime.ofInstant(Instant.ofEpochMilli(at), ZoneId.systemDefault()));
    }

    private static void print(String format, Object... values) {
        System.out.printf(Locale.ROOT, format, values);
    }

    private static void say(String what) {
        System.out.println(time(now()) + " " + what);
    }

    // ---------------------------------------------------------------------------------------------------- what is where

    /** A manifest or blob of a repository. */
    private static final class Item {
        private final String repository;
        private final String digest;
        private final String type;
        private final ByteBuffer bytes;
        private final Set<Registry> holders = new TreeSet<>();

        Item(String repository, String digest, String type, Path file) {
            this.repository = repository;
            this.digest = digest;
            this.type = type;
            try (FileChannel channel = FileChannel.open(file)) {
                this.bytes = channel.map(FileChannel.MapMode.READ_ONLY, 0, channel.size());
            } catch (IOException e) {
                throw new IllegalArgumentException(file + " cannot be read", e);
            }
        }

        long size() {
            return bytes.capacity();
        }
    }

    /** What a tag means, at each registry that has it. */
    private record Tag(String repository, String name, Map<Registry, Item> items) {
    }

    /**
     * Everything there is to pull. Its lines are {@code manifest REPOSITORY DIGEST TYPE FILE REGISTRIES},
     * {@code blob REPOSITORY DIGEST FILE REGISTRIES}, {@code tag REPOSITORY TAG DIGEST REGISTRIES} and
     * {@code without REPOSITORY DIGEST REGISTRY}; registries have commas between them.
     */
    private static final class Catalog {
        private final Map<String, Item> manifestsByName = new LinkedHashMap<>();
        private final Map<String, Item> blobsByName = new LinkedHashMap<>();
        private final Map<String, Tag> tagsByName = new LinkedHashMap<>();
        private final List<Item> manifests;
        private final List<Item> blobs;
        private final List<Tag> tags;
        private final List<String> repositories;

        Catalog(Path file, Map<String, Registry> registries) throws IOException {
            for (String line : Files.readAllLines(file)) {
                String[] word = line.split(" ");
                String name = word[1] + "@" + word[2];
                Set<Registry> holders = Stream.of(word[word.length - 1].split(",")).map(registries::get)
                        .collect(Collectors.toCollection(TreeSet::new));
                switch (word[0]) {
                    case "manifest" -> manifestsByName.computeIfAbsent(name, key -> new Item(word[1], word[2], word[3], Path.of(word[4])))
                            .holders.addAll(holders);
                    case "blob" -> blobsByName.computeIfAbsent(name, key -> new Item(word[1], word[2], null, Path.of(word[3])))
                            .holders.addAll(holders);
                    case "tag" -> {
                        Tag tag = tagsByName.computeIfAbsent(name, key -> new Tag(word[1], word[2], new TreeMap<>()));
                        holders.forEach(holder -> tag.items.put(holder, manifestsByName.get(word[1] + "@" + word[3])));
                    }
                    case "without" -> blobsByName.get(name).holders.removeAll(holders);
                    default -> throw new IllegalArgumentException("not a line of a catalog: " + line);
                }
            }
            manifests = List.copyOf(manifestsByName.values());
            blobs = List.copyOf(blobsByName.values());
            tags = List.copyOf(tagsByName.values());
            repositories = tags.stream().map(Tag::repository).distinct().toList();
        }

        /** Returns the tags of a repository, with the registries that have each of them. */
        Map<String, Set<Registry>> tagsOf(String repository) {
            Map<String, Set<Registry>> all = new TreeMap<>();
            tags.stream().filter(tag -> tag.repository.equals(repository)).forEach(tag -> all.put(tag.name, tag.items.keySet()));
            return all;
        }
    }

    // ------------------------------------------------------------------------------------------- registries and their faults

    /** What can happen to a registry. */
    private enum Fault {
        KILLED(true), STOPPED(true), REFUSING(true), SILENT(true), ERRORS(true), THROTTLED(true),
        RESET(false), CUT(false), DRIPPING(false),
        /** Slower, but within the mirror's timeouts: no excuse for anything. */
        SLOW(false);

        /** Whether nobody can learn anything from the registry, so that it cannot be the source of any answer. */
        private final boolean away;

        Fault(boolean away) {
            this.away = away;
        }

        boolean isTrouble() {
            return this != SLOW;
        }
    }

    /**
     * A time at which a registry had a fault. From {@code easing} on it may answer again, from {@code end} on it surely does;
     * they are 0 before.
     */
    private static final class Period {
        private final Fault fault;
        private final long begin = now();
        private volatile long easing;
        private volatile long end;

        Period(Fault fault) {
            this.fault = fault;
        }

        boolean touches(long from, long to) {
            return begin <= to && (end == 0 || end >= from);
        }

        boolean covers(long from, long to) {
            return begin <= from && (easing == 0 || easing >= to);
        }
    }

    /** A registry: its process, the proxy before it, and when it had which fault. */
    private static final class Registry implements Comparable<Registry> {
        private final String name;
        private final int backend;
        private final Path config;
        private final Path log;
        private final Proxy proxy;
        private final List<Period> periods = new CopyOnWriteArrayList<>();
        private volatile Process process;

        Registry(String name, int port, int backend, Path config, Path work) {
            this.name = name;
            this.backend = backend;
            this.config = config;
            this.log = work.resolve("registry-" + name + ".log");
            this.proxy = new Proxy(name, port, backend);
        }

        void start() throws IOException, InterruptedException {
            startProcess();
            proxy.listen();
        }

        private void startProcess() throws IOException, InterruptedException {
            process = new ProcessBuilder("docker-registry", "serve", config.toString()).redirectErrorStream(true)
                    .redirectOutput(ProcessBuilder.Redirect.appendTo(log.toFile())).start();
            awaitAnswer();
        }

        private void awaitAnswer() throws IOException, InterruptedException {
            for (long deadline = now() + 20_000; ; Thread.sleep(20)) {
                try (Connection connection = new Connection(new InetSocketAddress(InetAddress.getLoopbackAddress(), backend))) {
                    connection.ask("GET", "/v2/", Map.of());
                    connection.readHead();
                    return;
                } catch (IOException e) {
                    if (now() > deadline) {
                        throw new IOException("registry " + name + " does not come up: " + e + "\n" + Files.readString(log), e);
                    }
                }
            }
        }

        void begin(Fault fault) throws IOException, InterruptedException {
            periods.add(new Period(fault));
            switch (fault) {
                case KILLED -> {
                    proxy.refuse();
                    process.destroyForcibly().waitFor();
                }
                case STOPPED -> signal("STOP");
                case REFUSING -> proxy.refuse();
                default -> proxy.fault(fault);
            }
        }

        void recover(Fault fault) throws IOException, InterruptedException {
            Period period = periods.get(periods.size() - 1);
            period.easing = now();
            switch (fault) {
                case KILLED -> {
                    startProcess();
                    proxy.listen();
                }
                case STOPPED -> signal("CONT");
                case REFUSING -> proxy.listen();
                default -> proxy.fault(null);
            }
            awaitAnswer();
            period.end = now();
        }

        private void signal(String signal) throws IOException, InterruptedException {
            new ProcessBuilder("kill", "-" + signal, String.valueOf(process.pid())).inheritIO().start().waitFor();
        }

        void end() {
            if (process != null) {
                process.destroyForcibly();
            }
        }

        /** Returns whether there was no trouble in all of that time. */
        boolean calm(long from, long to) {
            return periods.stream().noneMatch(period -> period.fault.isTrouble() && period.touches(from, to));
        }

        /** Returns whether it could answer nothing in all of that time. */
        boolean away(long from, long to) {
            return periods.stream().anyMatch(period -> period.fault.away && period.covers(from, to));
        }

        boolean had(Fault fault, long from, long to) {
            return periods.stream().anyMatch(period -> period.fault == fault && period.touches(from, to));
        }

        long milliseconds(long until) {
            return periods.stream().filter(period -> period.fault.isTrouble())
                    .mapToLong(period -> (period.end == 0 ? until : period.end) - period.begin).sum();
        }

        /** Tells what it had around a request. */
        String chaos(long start, long end) {
            String told = periods.stream().filter(period -> period.touches(start - RECOVERY, end))
                    .map(period -> period.fault + " from " + time(period.begin)
                            + (period.end == 0 ? " on" : " to " + time(period.end)))
                    .collect(Collectors.joining(", "));
            return name + ": " + (told.isEmpty() ? "up" : told);
        }

        @Override
        public int compareTo(Registry other) {
            return other.name.compareTo(name);   // hot, then cold
        }

        @Override
        public String toString() {
            return name;
        }
    }

    /** Passes bytes between a port of its own and a registry, and misbehaves on demand. */
    private static final class Proxy {
        private static final ExecutorService THREADS = Executors.newCachedThreadPool(task -> {
            Thread thread = new Thread(task, "proxy");
            thread.setDaemon(true);
            return thread;
        });

        private final String name;
        private final InetSocketAddress address;
        private final InetSocketAddress backend;
        private final Set<Pair> connections = ConcurrentHashMap.newKeySet();
        private volatile ServerSocket listener;
        private volatile Mode mode = new Mode(null);

        /** The fault there is, none at times; a new one each time, so that a connection can tell them apart. */
        private static final class Mode {
            private final Fault fault;

            Mode(Fault fault) {
                this.fault = fault;
            }
        }

        Proxy(String name, int port, int backend) {
            this.name = name;
            this.address = new InetSocketAddress(InetAddress.getLoopbackAddress(), port);
            this.backend = new InetSocketAddress(InetAddress.getLoopbackAddress(), backend);
        }

        void fault(Fault fault) {
            mode = new Mode(fault);
        }

        void listen() throws IOException {
            ServerSocket socket = new ServerSocket();
            socket.setReuseAddress(true);
            socket.bind(address, 500);
            listener = socket;
            THREADS.execute(() -> accept(socket));
        }

        /** New connections are refused; those that exist are gone. */
        void refuse() throws IOException {
            listener.close();
            connections.forEach(pair -> pair.close(true));
        }

        private void accept(ServerSocket socket) {
            while (!socket.isClosed()) {
                try {
                    Pair pair = new Pair(socket.accept());
                    connections.add(pair);
                    if (socket.isClosed()) {
                        pair.close(true);
                    }
                    THREADS.execute(pair::open);
                } catch (IOException e) {
                    if (!socket.isClosed()) {
                        say("proxy of " + name + ": " + e);
                    }
                }
            }
        }

        /** A connection to the proxy, and its own to the registry. */
        private final class Pair {
            private final Socket near;
            private volatile Socket far;
            /** Whether the next bytes from the registry are the first of an answer. */
            private volatile boolean asked;
            private Mode counted;
            private long left;

            Pair(Socket near) {
                this.near = near;
            }

            void open() {
                try {
                    near.setTcpNoDelay(true);
                    far = new Socket();
                    far.connect(backend, 5_000);
                    far.setTcpNoDelay(true);
                    THREADS.execute(() -> pump(this::passAnswers));
                    pump(this::passRequests);
                } catch (IOException e) {
                    close(true);
                }
            }

            private interface Direction {
                void run() throws IOException, InterruptedException;
            }

            private void pump(Direction direction) {
                try {
                    direction.run();
                } catch (IOException | InterruptedException e) {
                    // The other direction learns of it by the sockets being closed.
                } finally {
                    close(false);
                }
            }

            private void passRequests() throws IOException, InterruptedException {
                byte[] buffer = new byte[16 * 1024];
                for (int count; (count = near.getInputStream().read(buffer)) >= 0; ) {
                    Mode now = mode;
                    if (now.fault == Fault.SILENT) {
                        while (mode == now) {
                            Thread.sleep(20);
                        }
                        close(true);
                        return;
                    }
                    if (now.fault == Fault.ERRORS || now.fault == Fault.THROTTLED) {
                        refuse(now.fault);
                        return;
                    }
                    asked = true;
                    far.getOutputStream().write(buffer, 0, count);
                }
            }

            /** Answers in the registry's place; a request comes in one piece, as a client sends it. */
            private void refuse(Fault fault) throws IOException {
                int status = fault == Fault.THROTTLED ? 429 : new int[] {500, 502, 503, 504}[ThreadLocalRandom.current().nextInt(4)];
                String retry = status == 429 || status == 503 && ThreadLocalRandom.current().nextBoolean() ? "Retry-After: 2\r\n" : "";
                near.getOutputStream().write(("HTTP/1.1 " + status + " In Trouble\r\n" + retry
                        + "Content-Length: 0\r\nConnection: close\r\n\r\n").getBytes(StandardCharsets.US_ASCII));
            }

            private void passAnswers() throws IOException, InterruptedException {
                byte[] buffer = new byte[64 * 1024];
                OutputStream out = near.getOutputStream();
                for (int count; (count = far.getInputStream().read(buffer)) >= 0; ) {
                    Mode now = mode;
                    boolean first = asked;
                    asked = false;
                    if (now.fault == Fault.SLOW && first) {
                        Thread.sleep(ThreadLocalRandom.current().nextInt(50, 800));
                    } else if (now.fault == Fault.DRIPPING) {
                        drip(out, buffer, count, now);
                        continue;
                    } else if (now.fault == Fault.CUT || now.fault == Fault.RESET) {
                        if (counted != now) {
                            counted = now;
                            left = (long) Math.exp(ThreadLocalRandom.current().nextDouble() * Math.log(1_000_000));
                        }
                        if (count > left) {
                            out.write(buffer, 0, (int) left);
                            close(now.fault == Fault.RESET);
                            return;
                        }
                        left -= count;
                    }
                    out.write(buffer, 0, count);
                }
            }

            private void drip(OutputStream out, byte[] bytes, int count, Mode now) throws IOException, InterruptedException {
                int drop = ThreadLocalRandom.current().nextInt(1, 60);
                int sent = 0;
                while (sent < count) {
                    int size = mode == now ? Math.min(drop, count - sent) : count - sent;
                    out.write(bytes, sent, size);
                    sent += size;
                    if (mode == now) {
                        Thread.sleep(40);
                    }
                }
            }

            private void close(boolean reset) {
                for (Socket socket : far == null ? List.of(near) : List.of(near, far)) {
                    try {
                        if (reset) {
                            socket.setSoLinger(true, 0);
                        }
                        socket.close();
                    } catch (IOException e) {
                        // It was closed already.
                    }
                }
                connections.remove(this);
            }
        }
    }

    /** Decides what happens to which registry, and when. */
    private static final class Chaos {
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
            while (going.getAsBoolean() && now() + RECOVERY < end) {
                Thread.sleep(RECOVERY + random.nextInt(1_000, 3_500));
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

    // ------------------------------------------------------------------------------------------------------------- clients

    /** A connection of HTTP/1.1, on which every byte is seen as it comes. */
    private static final class Connection implements AutoCloseable {
        private final Socket socket = new Socket();
        private final InputStream in;
        private boolean reusable = true;

        Connection(InetSocketAddress address) throws IOException {
            socket.connect(address, 5_000);
            socket.setSoTimeout(LONGEST_SILENCE);
            socket.setTcpNoDelay(true);
            in = new BufferedInputStream(socket.getInputStream(), 64 * 1024);
        }

        void ask(String method, String target, Map<String, String> headers) throws IOException {
            StringBuilder head = new StringBuilder(method + " " + target + " HTTP/1.1\r\nHost: soak\r\n");
            headers.forEach((name, value) -> head.append(name).append(": ").append(value).append("\r\n"));
            socket.getOutputStream().write(head.append("\r\n").toString().getBytes(StandardCharsets.ISO_8859_1));
        }

        Head readHead() throws IOException {
            String[] status = line().split(" ", 3);
            if (status.length < 2 || !status[0].equals("HTTP/1.1")) {
                throw new IOException("not an answer: " + String.join(" ", status));
            }
            Map<String, String> headers = new TreeMap<>(String.CASE_INSENSITIVE_ORDER);
            for (String line; !(line = line()).isEmpty(); ) {
                int colon = line.indexOf(':');
                if (headers.put(line.substring(0, colon), line.substring(colon + 1).strip()) != null) {
                    throw new IOException("twice in the answer: " + line);
                }
            }
            reusable &= !"close".equalsIgnoreCase(headers.get("Connection"));
            return new Head(Integer.parseInt(status[1]), headers);
        }

        /** Reads a body to its end; {@code sink} may throw to leave. */
        void readBody(Head head, Sink sink) throws IOException {
            if ("chunked".equalsIgnoreCase(head.headers.get("Transfer-Encoding"))) {
                for (long size; (size = Long.parseLong(line().split(";")[0].strip(), 16)) > 0; ) {
                    copy(size, sink);
                    line();
                }
                line();
            } else if (head.headers.containsKey("Content-Length")) {
                copy(Long.parseLong(head.headers.get("Content-Length")), sink);
            } else {
                throw new IOException("an answer of unknown length");
            }
        }

        private void copy(long count, Sink sink) throws IOException {
            byte[] buffer = new byte[64 * 1024];
            for (long left = count; left > 0; ) {
                int read = in.read(buffer, 0, (int) Math.min(left, buffer.length));
                if (read < 0) {
                    throw new EOFException(left + " of " + count + " bytes before the end");
                }
                sink.take(buffer, read);
                left -= read;
            }
        }

        private String line() throws IOException {
            ByteArrayOutputStream line = new ByteArrayOutputStream(80);
            for (int b; (b = in.read()) != '\n'; ) {
                if (b < 0) {
                    throw new EOFException(line.size() == 0 ? "closed" : "closed after \"" + line + '"');
                }
                line.write(b);
            }
            return line.toString(StandardCharsets.ISO_8859_1).stripTrailing();
        }

        void reset() throws IOException {
            socket.setSoLinger(true, 0);
            close();
        }

        @Override
        public void close() throws IOException {
            reusable = false;
            socket.close();
        }
    }

    private interface Sink {
        void take(byte[] bytes, int count) throws IOException;
    }

    /** Status and headers. */
    private record Head(int status, Map<String, String> headers) {
    }

    /** What a client asks for. */
    private enum Kind { MANIFEST, BLOB, TAGS, REFERRERS, MISSING, OWN }

    /**
     * A request, and what is known of its answer.
     *
     * @param kind what is asked for
     * @param repository of what; null for the mirror's own
     * @param accepted the right answers, by the registry that holds them; empty where there is none
     * @param part the range asked for, first byte and byte after the last; null for all
     */
    private record Ask(Kind kind, String method, String target, String repository, Map<Registry, Item> accepted, long[] part) {

        boolean head() {
            return method.equals("HEAD");
        }

        @Override
        public String toString() {
            return method + " " + target + (part == null ? "" : " bytes " + part[0] + " to " + (part[1] - 1));
        }
    }

    /** What came. */
    private static final class Reply {
        private final long start = now();
        private final int number;
        private long headAt;
        private long end;
        private Head head;
        /** The body, where it is short. */
        private final ByteArrayOutputStream text = new ByteArrayOutputStream();
        private long bytes;
        /** Which of the right answers the bytes are as yet; null for a body that is none of them from its first byte. */
        private final Set<Item> matching = Collections.newSetFromMap(new IdentityHashMap<>());
        private IOException broken;
        private boolean left;

        Reply(int number) {
            this.number = number;
        }

        int status() {
            return head == null ? 0 : head.status;
        }

        String header(String name) {
            return head.headers.get(name);
        }
    }

    /** A client that has left on purpose. */
    private static final class LeftException extends IOException {
        private static final long serialVersionUID = 1;
    }

    /** Pulls at random, one request at a time. */
    private static final class Client {
        private static final AtomicInteger NUMBER = new AtomicInteger();
        private static final List<String> HEAD_OR_GET = List.of("GET", "GET", "HEAD");
        private static final String ACCEPT = "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json";

        private final InetSocketAddress mirror;
        private final Catalog catalog;
        private final Judge judge;
        private final Random random;
        private Connection connection;

        Client(InetSocketAddress mirror, Catalog catalog, Judge judge, Random random) {
            this.mirror = mirror;
            this.catalog = catalog;
            this.judge = judge;
            this.random = random;
        }

        /** @param pace the mean time from one request to the next, in ms */
        void pullUntil(BooleanSupplier end, double pace) {
            try {
                long next = now();
                while (!end.getAsBoolean()) {
                    pull();
                    next = Math.max(now() - 200, next + (long) (2 * pace * random.nextDouble()));
                    Thread.sleep(Math.max(0, next - now()));
                }
                if (connection != null) {
                    connection.close();
                }
            } catch (Exception e) {
                judge.broken(e);
            }
        }

        private void pull() throws IOException {
            int dice = random.nextInt(1000);
            if (dice < 12) {
                leave(dice < 4);
                return;
            }
            Ask ask = choose();
            Reply reply = send(ask, Long.MAX_VALUE);
            judge.mirror(ask, reply);
            if (reply.status() == 307 && ask.kind == Kind.BLOB && reply.broken == null && judge.location(ask, reply)) {
                follow(ask);
            }
        }

        private Ask choose() {
            int dice = random.nextInt(100);
            String method = pick(HEAD_OR_GET);
            if (dice < 34) {
                Tag tag = pick(catalog.tags);
                return new Ask(Kind.MANIFEST, method, path(tag.repository, "manifests", tag.name), tag.repository, tag.items, null);
            } else if (dice < 52) {
                Item item = pick(catalog.manifests);
                return new Ask(Kind.MANIFEST, method, path(item.repository, "manifests", item.digest), item.repository, at(item), null);
            } else if (dice < 68) {
                Item item = pick(catalog.blobs);
                // The largest is there for ranges and for those who leave.
                return item.size() > 50_000_000 ? blob(item, "GET", range(item)) : blob(item, method, null);
            } else if (dice < 78) {
                Item item = pick(catalog.blobs);
                return blob(item, "GET", range(item));
            } else if (dice < 85) {
                return tags(pick(catalog.repositories));
            } else if (dice < 87) {
                Item item = pick(catalog.manifests);
                return new Ask(Kind.REFERRERS, "GET", path(item.repository, "referrers", item.digest), item.repository, at(item), null);
            } else if (dice < 98) {
                return missing(method);
            }
            return new Ask(Kind.OWN, method, dice == 98 ? "/v2/" : "/health", null, Map.of(), null);
        }

        private Ask missing(String method) {
            String nowhere = "sha256:" + IntStream.range(0, 8).mapToObj(i -> String.format("%08x", random.nextInt()))
                    .collect(Collectors.joining());
            String there = pick(catalog.repositories);
            String target = switch (random.nextInt(6)) {
                case 0 -> path(there, "manifests", "no-such-tag");
                case 1 -> path(there, "manifests", nowhere);
                case 2 -> path(there, "blobs", nowhere);
                case 3 -> path("team/nowhere", "manifests", "latest");
                case 4 -> path("nobody/knows/" + random.nextInt(1000), "blobs", nowhere);
                default -> {
                    method = "GET";
                    yield "/v2/team/nowhere/tags/list";
                }
            };
            return new Ask(Kind.MISSING, method, target, there, Map.of(), null);
        }

        private Ask tags(String repository) {
            String target = "/v2/" + repository + "/tags/list" + switch (random.nextInt(4)) {
                case 0 -> "?n=1";
                case 1 -> "?n=1&last=" + catalog.tagsOf(repository).keySet().iterator().next();
                default -> "";
            };
            Map<Registry, Item> holders = new TreeMap<>();
            catalog.tags.stream().filter(tag -> tag.repository.equals(repository)).forEach(tag -> holders.putAll(tag.items));
            return new Ask(Kind.TAGS, "GET", target, repository, holders, null);
        }

        private static Ask blob(Item item, String method, long[] part) {
            return new Ask(Kind.BLOB, method, path(item.repository, "blobs", item.digest), item.repository, at(item), part);
        }

        private long[] range(Item item) {
            long first = (long) (random.nextDouble() * (item.size() - 1));
            return new long[] {first, Math.min(item.size(), first + 1 + random.nextInt(200_000))};
        }

        private static Map<Registry, Item> at(Item item) {
            Map<Registry, Item> at = new TreeMap<>();
            item.holders.forEach(holder -> at.put(holder, item));
            return at;
        }

        private static String path(String repository, String what, String reference) {
            return "/v2/" + repository + "/" + what + "/" + reference;
        }

        private <T> T pick(List<T> things) {
            return things.get(random.nextInt(things.size()));
        }

        /** Goes away from a large blob before it is whole, or from anything before its answer has come. */
        private void leave(boolean beforeAnswer) throws IOException {
            Item largest = catalog.blobs.stream().max(Comparator.comparingLong(Item::size)).orElseThrow();
            Ask ask = beforeAnswer ? choose() : blob(largest, "GET", null);
            Reply reply = send(ask, beforeAnswer ? -1 : 1 + random.nextInt(4_000_000));
            judge.left(ask, reply);
        }

        /** @param leaveAfter how many bytes of a body are enough; -1 to leave before the answer */
        private Reply send(Ask ask, long leaveAfter) throws IOException {
            Reply reply = new Reply(NUMBER.incrementAndGet());
            try {
                if (connection == null || !connection.reusable || random.nextInt(50) == 0) {
                    if (connection != null) {
                        connection.close();
                    }
                    connection = new Connection(mirror);
                }
                exchange(connection, ask, reply, leaveAfter);
            } catch (LeftException e) {
                reply.left = true;
                if (random.nextBoolean()) {
                    connection.reset();
                }
                connection.close();
            } catch (IOException e) {
                reply.broken = e;
                if (connection != null) {
                    connection.close();
                }
            }
            reply.end = now();
            return reply;
        }

        private void exchange(Connection on, Ask ask, Reply reply, long leaveAfter) throws IOException {
            Map<String, String> headers = new LinkedHashMap<>();
            headers.put("User-Agent", "soak/" + reply.number);
            headers.put("Accept", ACCEPT);
            if (ask.part != null) {
                headers.put("Range", "bytes=" + ask.part[0] + "-" + (ask.part[1] - 1));
            }
            on.ask(ask.method, ask.target, headers);
            if (leaveAfter < 0) {
                if (random.nextBoolean()) {
                    LockSupport.parkNanos(random.nextInt(20_000_000));
                }
                throw new LeftException();
            }
            reply.head = on.readHead();
            reply.headAt = now();
            if (ask.head()) {
                return;
            }
            boolean content = reply.status() == 200 || reply.status() == 206;
            if (content) {
                reply.matching.addAll(ask.accepted.values());
            }
            long from = reply.status() == 206 && ask.part != null ? ask.part[0] : 0;
            on.readBody(reply.head, (bytes, count) -> {
                if (reply.text.size() < 100_000) {
                    reply.text.write(bytes, 0, count);
                }
                reply.matching.removeIf(item -> !matches(item.bytes, from + reply.bytes, bytes, count));
                reply.bytes += count;
                if (reply.bytes > leaveAfter) {
                    throw new LeftException();
                }
            });
        }

        private static boolean matches(ByteBuffer all, long from, byte[] bytes, int count) {
            return from + count <= all.capacity() && all.slice((int) from, count).equals(ByteBuffer.wrap(bytes, 0, count));
        }

        /** Goes where the mirror has sent it, as clients do: with the same request, on a connection of its own. */
        private void follow(Ask ask) throws IOException {
            Reply reply = new Reply(NUMBER.incrementAndGet());
            Registry hot = judge.hot();
            try (Connection own = new Connection(hot.proxy.address)) {
                exchange(own, ask, reply, Long.MAX_VALUE);
            } catch (IOException e) {
                reply.broken = e;
            }
            reply.end = now();
            judge.followed(ask, reply);
        }
    }

    // --------------------------------------------------------------------------------------------------------- what is right

    /** Knows what may be answered, by what was the matter with the registries at the time. */
    private static final class Judge {
        private static final Pattern TAGS = Pattern.compile("\"tags\":\\[([^\\]]*)\\]");

        private final Registry hot;
        private final Registry cold;
        private final long cache;
        private final Catalog catalog;
        private final Tally tally;

        /** @param cache how long the mirror may go by what it remembers of a tag or a miss, in ms */
        Judge(Map<String, Registry> registries, Catalog catalog, long cache, Tally tally) {
            this.hot = registries.get("hot");
            this.cold = registries.get("cold");
            this.catalog = catalog;
            this.cache = cache;
            this.tally = tally;
        }

        Registry hot() {
            return hot;
        }

        /** Judges an answer of the mirror. */
        void mirror(Ask ask, Reply reply) {
            boolean coldUp = calm(cold, reply);
            boolean quiet = calm(hot, reply) && coldUp;
            boolean hotAway = hot.away(reply.start - cache, reply.end);
            tally.answer(reply, quiet, coldUp && !hot.calm(reply.start, reply.end));
            String wrong = wrong(ask, reply, quiet);
            if (wrong != null) {
                tally.wrong(explain(ask, reply, wrong));
            } else if (reply.broken != null) {
                tally.cut.increment();
            } else if (reply.status() >= 429) {
                (ask.accepted.isEmpty() ? tally.honestMissing : tally.honest).increment();
            } else if (hotAway && coldUp && reply.status() < 300 && !ask.accepted.isEmpty() && ask.kind != Kind.TAGS
                    && ask.kind != Kind.REFERRERS) {
                (ask.kind == Kind.BLOB ? tally.coldBlobs : tally.coldManifests).increment();
            }
        }

        /** Whether the registry was without trouble for long enough before a request, and until its end. */
        private static boolean calm(Registry registry, Reply reply) {
            return registry.calm(reply.start - RECOVERY, reply.end);
        }

        /** Returns what is wrong with an answer, or null. */
        private String wrong(Ask ask, Reply reply, boolean quiet) {
            if (reply.broken != null) {
                return wrongEnd(ask, reply);
            }
            int status = reply.status();
            if (status == 503 || status == 429) {
                return wrongRefusal(ask, reply, quiet);
            } else if (status == 404) {
                return wrongMiss(ask, reply);
            } else if (status == 200 || status == 206 || status == 307) {
                String unwarned = unwarned(ask, reply);
                return unwarned != null ? unwarned : switch (ask.kind) {
                    case MANIFEST -> wrongManifest(ask, reply);
                    case BLOB -> wrongBlob(ask, reply);
                    case TAGS -> wrongTags(ask, reply, quiet);
                    case REFERRERS -> wrongReferrers(reply, quiet);
                    case MISSING -> "what nobody has was answered";
                    case OWN -> status == 200 ? null : "not 200";
                };
            }
            return "not an answer there is for this";
        }

        /** Only a stream may break off, and only with its registry. */
        private String wrongEnd(Ask ask, Reply reply) {
            if (reply.broken instanceof SocketTimeoutException) {
                return "silence for " + LONGEST_SILENCE / 1000 + " s";
            } else if (!(reply.broken instanceof EOFException)) {
                return "broken: " + reply.broken;
            } else if (ask.kind != Kind.BLOB || ask.head() || !ask.accepted.containsKey(cold)) {
                return "cut, and it is none that is streamed: " + reply.broken.getMessage();
            } else if (reply.head == null) {
                return "cut without an answer";
            } else if (reply.bytes > 0 && reply.matching.isEmpty()) {
                return "wrong bytes, then cut";
            }
            return cold.calm(reply.start - 100, reply.end) ? "cut, and cold was up: " + reply.broken.getMessage() : null;
        }

        private String wrongRefusal(Ask ask, Reply reply, boolean quiet) {
            if (reply.status() == 503 && reply.header("Retry-After") == null) {
                return "no Retry-After";
            } else if (!ask.head() && !reply.text.toString().contains(reply.status() == 503 ? "\"UNAVAILABLE\"" : "\"TOOMANYREQUESTS\"")) {
                return "not the error body for this status";
            } else if (reply.status() == 429
                    && Stream.of(hot, cold).noneMatch(it -> it.had(Fault.THROTTLED, reply.start - RECOVERY, reply.end))) {
                return "429, and no registry said so";
            } else if (quiet) {
                return "both registries were up";
            }
            if (ask.kind == Kind.REFERRERS) {
                // Nobody has any here, and a registry that cannot tell is no source of an empty list.
                return null;
            }
            return ask.accepted.keySet().stream().filter(holder -> calm(holder, reply)).findFirst()
                    .map(holder -> holder + " has it and was up").orElse(ask.kind == Kind.OWN ? "needs no registry" : null);
        }

        private String wrongMiss(Ask ask, Reply reply) {
            if (ask.kind != Kind.MISSING) {
                return "it exists";
            } else if (!ask.head() && !reply.text.toString().contains("_UNKNOWN\"")) {
                return "not the error body for this status";
            }
            // A miss may be remembered; but not for longer.
            return Stream.of(hot, cold).filter(it -> it.away(reply.start - cache, reply.end)).findFirst()
                    .map(it -> "told as missing, and nobody could ask " + it).orElse(null);
        }

        private String wrongManifest(Ask ask, Reply reply) {
            if (reply.status() != 200) {
                return "not 200";
            }
            Item item = ask.accepted.values().stream().filter(it -> it.digest.equals(reply.header("Docker-Content-Digest"))).findFirst()
                    .orElse(null);
            if (item == null) {
                return "another digest";
            } else if (!item.type.equals(reply.header("Content-Type"))) {
                return "another type than " + item.type;
            } else if (!String.valueOf(item.size()).equals(reply.header("Content-Length"))) {
                return "another length than " + item.size();
            } else if (!ask.head() && (reply.bytes != item.size() || !reply.matching.contains(item))) {
                return "wrong bytes";
            }
            Item hots = ask.accepted.get(hot);
            boolean mustBeHots = hots != null && hot.calm(reply.start - RECOVERY - cache, reply.end);
            return mustBeHots && item != hots ? "cold's, although hot has it and was up" : null;
        }

        private String wrongBlob(Ask ask, Reply reply) {
            Item item = ask.accepted.values().iterator().next();
            boolean mustBeHots = ask.accepted.containsKey(hot) && calm(hot, reply);
            if (reply.status() == 307) {
                return ask.head() ? "a redirect of a HEAD" : !ask.accepted.containsKey(hot) ? "a redirect to who has it not" : null;
            } else if (mustBeHots && !ask.head()) {
                return "streamed, although hot has it and was up";
            } else if (!item.digest.equals(reply.header("Docker-Content-Digest"))) {
                return "another digest";
            }
            return wrongContent(ask, reply, item);
        }

        private static String wrongContent(Ask ask, Reply reply, Item item) {
            long size = ask.part == null ? item.size() : ask.part[1] - ask.part[0];
            if (!ask.head() && reply.bytes < size) {
                return "ended well with " + reply.bytes + " of " + size + " bytes";
            }
            if (reply.status() != (ask.part == null ? 200 : 206)) {
                return "not the status for this";
            } else if (!String.valueOf(size).equals(reply.header("Content-Length"))) {
                return "another length than " + size;
            } else if (ask.part != null
                    && !("bytes " + ask.part[0] + "-" + (ask.part[1] - 1) + "/" + item.size()).equals(reply.header("Content-Range"))) {
                return "another range than asked for";
            }
            return ask.head() || reply.bytes == size && reply.matching.contains(item) ? null : "wrong bytes";
        }

        private String wrongTags(Ask ask, Reply reply, boolean quiet) {
            Matcher matcher = TAGS.matcher(reply.text.toString());
            if (!matcher.find()) {
                return "no list of tags";
            }
            List<String> tags = Stream.of(matcher.group(1).split(",")).map(tag -> tag.replace("\"", ""))
                    .filter(tag -> !tag.isEmpty()).toList();
            boolean warned = reply.header("Warning") != null;
            if (warned && quiet) {
                return "a Warning, and both registries were up";
            }
            // Without a warning it is the whole list; with one it may lack what is only at registries in trouble.
            Set<String> most = new TreeSet<>();
            Set<String> least = new TreeSet<>();
            catalog.tagsOf(ask.repository).forEach((tag, holders) -> {
                most.add(tag);
                if (!warned || holders.stream().anyMatch(holder -> calm(holder, reply))) {
                    least.add(tag);
                }
            });
            int query = ask.target.indexOf('?');
            if (query < 0) {
                return tags.containsAll(least) && most.containsAll(tags) ? null
                        : "there are " + most + (warned ? ", and at least " + least + " should be told" : "");
            }
            int last = ask.target.indexOf("last=");
            List<String> page = most.stream()
                    .filter(tag -> last < 0 || tag.compareTo(ask.target.substring(last + 5)) > 0).limit(1).toList();
            return warned || tags.equals(page) ? null : "the page is " + page;
        }

        private static String wrongReferrers(Reply reply, boolean quiet) {
            if (reply.status() != 200 || !reply.text.toString().contains("\"manifests\":[]")) {
                return "not an empty list";
            }
            return quiet && reply.header("Warning") != null ? "a Warning, and both registries were up" : null;
        }

        /** A list to which a registry cannot have added must say so. */
        private String unwarned(Ask ask, Reply reply) {
            boolean list = ask.kind == Kind.TAGS || ask.kind == Kind.REFERRERS;
            if (!list || reply.header("Warning") != null) {
                return null;
            }
            return Stream.of(hot, cold).filter(it -> it.away(reply.start - cache, reply.end)).findFirst()
                    .map(it -> "no Warning, and nobody could ask " + it).orElse(null);
        }

        /** Judges where a redirect leads to. */
        boolean location(Ask ask, Reply reply) {
            String right = "http://127.0.0.1:" + hot.proxy.address.getPort() + ask.target;
            if (right.equals(reply.header("Location"))) {
                return true;
            }
            tally.wrong(explain(ask, reply, "the location should be " + right));
            return false;
        }

        /** Judges what the client got where it had been sent. */
        void followed(Ask ask, Reply reply) {
            tally.followed.increment();
            String wrong;
            if (reply.broken == null && (reply.status() == 200 || reply.status() == 206)) {
                wrong = wrongContent(ask, reply, ask.accepted.get(hot));
            } else {
                wrong = hot.calm(reply.start - 100, reply.end) ? "hot was up" : null;
                if (wrong == null) {
                    tally.brokenAtHot.increment();
                }
            }
            if (wrong != null) {
                tally.wrong(explain(ask, reply, "after the redirect to hot: " + wrong));
            }
        }

        /** Judges what came before the client left. */
        void left(Ask ask, Reply reply) {
            if (reply.left) {
                (reply.head == null ? tally.leftBefore : tally.leftAmid).increment();
                if (reply.bytes > 0 && reply.matching.isEmpty()) {
                    tally.wrong(explain(ask, reply, "wrong bytes before the client left"));
                }
            } else {
                mirror(ask, reply);
            }
        }

        /** The soak itself has failed. */
        void broken(Exception e) {
            e.printStackTrace(System.out);
            tally.wrong(new Wrong("the soak's own client failed", e + "\n", 0, now(), now(), "?"));
        }

        private Wrong explain(Ask ask, Reply reply, String wrong) {
            String told = time(reply.start) + " " + ask + " (soak/" + reply.number + ")\n"
                    + "  wrong:  " + wrong + "\n"
                    + "  came:   " + (reply.head == null ? "no answer" : reply.status() + " " + reply.head.headers) + "\n"
                    + "          " + reply.bytes + " bytes, head after " + (reply.headAt == 0 ? "-" : reply.headAt - reply.start)
                    + " ms, end after " + (reply.end - reply.start) + " ms" + (reply.broken == null ? "" : ", " + reply.broken) + "\n"
                    + (reply.status() < 400 ? "" : "          " + reply.text + "\n")
                    + "  it is:  " + (ask.accepted.isEmpty() ? "nowhere" : "at " + ask.accepted.keySet()) + "\n"
                    + "  chaos:  " + hot.chaos(reply.start, reply.end) + "; " + cold.chaos(reply.start, reply.end) + "\n";
            return new Wrong(wrong, told, reply.number, reply.start, reply.end, ask.target);
        }
    }

    // ---------------------------------------------------------------------------------------------------------- what came of it

    /** A wrong answer, told in full. */
    private record Wrong(String reason, String told, int number, long start, long end, String target) {
    }

    /** Counts. */
    private static final class Tally {
        private final Path log;
        private final Map<String, LongAdder> statuses = new ConcurrentSkipListMap<>();
        private final Map<String, LongAdder> faults = new ConcurrentSkipListMap<>();
        private final Map<Integer, LongAdder> timesQuiet = new ConcurrentSkipListMap<>();
        private final Map<Integer, LongAdder> timesTrouble = new ConcurrentSkipListMap<>();
        private final LongAdder requests = new LongAdder();
        private final LongAdder quiet = new LongAdder();
        private final LongAdder honest = new LongAdder();
        private final LongAdder honestMissing = new LongAdder();
        private final LongAdder cut = new LongAdder();
        private final LongAdder coldManifests = new LongAdder();
        private final LongAdder coldBlobs = new LongAdder();
        private final LongAdder followed = new LongAdder();
        private final LongAdder brokenAtHot = new LongAdder();
        private final LongAdder leftBefore = new LongAdder();
        private final LongAdder leftAmid = new LongAdder();
        private final AtomicLong bytes = new AtomicLong();
        private final List<Wrong> explained = new CopyOnWriteArrayList<>();
        private final Map<String, LongAdder> reasons = new ConcurrentSkipListMap<>();
        private final AtomicInteger wrong = new AtomicInteger();

        /** @param log the mirror's */
        Tally(Path log) {
            this.log = log;
        }

        void answer(Reply reply, boolean inQuiet, boolean onlyHotInTrouble) {
            requests.increment();
            bytes.addAndGet(reply.bytes);
            count(statuses, reply.broken != null ? "broken off" : String.valueOf(reply.status()));
            if (inQuiet) {
                quiet.increment();
            }
            if (reply.headAt != 0 && (inQuiet || onlyHotInTrouble)) {
                count(inQuiet ? timesQuiet : timesTrouble, (int) (reply.headAt - reply.start));
            }
        }

        void fault(Registry registry, Fault fault) {
            count(faults, registry + " " + fault.name().toLowerCase(Locale.ROOT));
        }

        void wrong(Wrong answer) {
            wrong.incrementAndGet();
            String reason = answer.reason.replaceAll(":.*", "").replaceAll("\\d+", "N").replaceAll("\\[.*]", "[…]");
            LongAdder sofar = reasons.computeIfAbsent(reason, any -> new LongAdder());
            sofar.increment();
            // The first of each kind tell more than many of one.
            if (sofar.sum() <= MOST_OF_A_KIND && explained.size() < MOST_EXPLAINED) {
                explained.add(answer);
                say("WRONG: " + answer.told.lines().limit(2).collect(Collectors.joining()));
            }
        }

        private static <K> void count(Map<K, LongAdder> counters, K key) {
            counters.computeIfAbsent(key, any -> new LongAdder()).increment();
        }

        /** Forgets everything but wrong answers. */
        void reset() {
            Stream.of(statuses, faults, timesQuiet, timesTrouble).forEach(Map::clear);
            Stream.of(requests, quiet, honest, honestMissing, cut, coldManifests, coldBlobs, followed, brokenAtHot, leftBefore, leftAmid)
                    .forEach(LongAdder::reset);
            bytes.set(0);
        }

        /** Prints the counts. Returns those that decide. */
        Map<String, Object> report(long took, Collection<Registry> registries) {
            long fromCold = coldManifests.sum() + coldBlobs.sum();
            print("%n  requests             %,d (%d a second, %,d MB), %,d of them while both registries were up%n",
                    requests.sum(), requests.sum() * 1000 / took, bytes.get() / 1_000_000, quiet.sum());
            System.out.println("  answers              " + list(statuses));
            System.out.println("  faults               " + faults.values().stream().mapToLong(LongAdder::sum).sum() + ": " + list(faults));
            System.out.println("  in trouble           " + registries.stream()
                    .map(registry -> registry + " " + registry.milliseconds(now()) / 1000 + " s").collect(Collectors.joining(", "))
                    + " of " + took / 1000 + " s");
            System.out.println("  wrong answers        " + wrong + (reasons.isEmpty() ? "" : " (" + list(reasons) + ")"));
            print("  honest failures      %,d (503 or 429) for what only a registry in trouble has, %,d for what nobody has,%n"
                    + "                       %,d streams cut with cold%n", honest.sum(), honestMissing.sum(), cut.sum());
            print("  served by cold while hot was away   %,d (manifests %,d, blobs %,d)%n",
                    fromCold, coldManifests.sum(), coldBlobs.sum());
            print("  redirects followed   %,d, %,d of them broken by hot's trouble%n", followed.sum(), brokenAtHot.sum());
            print("  clients that left    %,d amid a stream, %,d before the answer%n", leftAmid.sum(), leftBefore.sum());
            System.out.println("  time to the answer   " + times(timesQuiet) + " with both up;\n"
                    + " ".repeat(23) + times(timesTrouble) + " with only hot in trouble");
            Map<String, Object> figures = new LinkedHashMap<>();
            figures.put("wrong", wrong.get());
            figures.put("from_cold", fromCold);
            figures.put("left", leftAmid.sum());
            return figures;
        }

        private static String list(Map<?, LongAdder> counters) {
            return counters.entrySet().stream().map(counter -> counter.getKey() + ": " + counter.getValue())
                    .collect(Collectors.joining(", "));
        }

        private static String times(Map<Integer, LongAdder> times) {
            long all = times.values().stream().mapToLong(LongAdder::sum).sum();
            int[] told = new int[3];
            long seen = 0;
            for (Map.Entry<Integer, LongAdder> time : times.entrySet()) {
                seen += time.getValue().sum();
                told[0] = seen * 2 <= all ? time.getKey() : told[0];
                told[1] = seen * 100 <= all * 99 ? time.getKey() : told[1];
                told[2] = time.getKey();
            }
            return told[0] + " ms in the middle, " + told[1] + " ms for 99 %, " + told[2] + " ms at most";
        }

        /** Tells the first wrong answers in full, with what the mirror's log has about them. */
        void explain() throws IOException {
            if (explained.isEmpty()) {
                return;
            }
            System.out.println("\n" + explained.size() + " of " + wrong + " wrong answers:");
            List<String> lines = Files.readAllLines(log);
            for (Wrong answer : explained) {
                System.out.println("\n" + answer.told + "  log:");
                String reference = answer.target.replaceAll("[?].*", "");
                lines.stream().filter(line -> line.contains("\"soak/" + answer.number + '"')
                                || line.length() > 23 && within(line.substring(11, 23), answer)
                                && (line.contains(" Breakers ") || line.contains(" RegistryProbes ") || line.contains(" ERROR ")
                                || !line.contains(" access ") && line.contains(reference)))
                        .limit(20).map(line -> line.length() < 300 ? line : line.substring(0, 300) + " …")
                        .forEach(line -> System.out.println("    " + line));
            }
        }

        private static boolean within(String time, Wrong answer) {
            return time.compareTo(time(answer.start - RECOVERY)) >= 0 && time.compareTo(time(answer.end)) <= 0;
        }
    }

    /**
     * What the mirror's process holds.
     *
     * @param threads those of each name; without the JVM's own for compiling and collecting, of which it has more or less as it likes
     * @param heap in KB, after a garbage collection
     */
    private record Vitals(Map<String, Long> threads, int files, int sockets, long heap, long memory) {

        private static final Pattern USED = Pattern.compile("total \\d+K, used (\\d+)K");
        private static final Pattern JVM = Pattern.compile("(C1|C2|GC|G1) .*");

        static Vitals of(long pid, String jcmd) throws IOException, InterruptedException {
            run(jcmd, String.valueOf(pid), "GC.run");
            long heap = USED.matcher(run(jcmd, String.valueOf(pid), "GC.heap_info")).results()
                    .mapToLong(used -> Long.parseLong(used.group(1))).sum();
            Path process = Path.of("/proc/" + pid);
            Map<String, Long> threads = threads(process);
            List<Path> files = list(process.resolve("fd"));
            long sockets = files.stream().filter(Vitals::isSocket).count();
            long memory = Files.readAllLines(process.resolve("status")).stream().filter(line -> line.startsWith("VmRSS:"))
                    .mapToLong(line -> Long.parseLong(line.replaceAll("\\D", ""))).sum();
            return new Vitals(threads, files.size(), (int) sockets, heap, memory);
        }

        static Map<String, Long> threads(Path process) throws IOException {
            Map<String, Long> threads = new TreeMap<>();
            for (Path task : list(process.resolve("task"))) {
                String name;
                try {
                    name = Files.readString(task.resolve("comm")).strip();
                } catch (IOException e) {
                    continue; // a thread that ended meanwhile
                }
                if (!JVM.matcher(name).matches()) {
                    threads.merge(name.replaceAll("[-#0-9]+$", ""), 1L, Long::sum);
                }
            }
            return threads;
        }

        private static List<Path> list(Path folder) throws IOException {
            try (Stream<Path> files = Files.list(folder)) {
                return files.toList();
            }
        }

        private static boolean isSocket(Path file) {
            try {
                return Files.readSymbolicLink(file).toString().startsWith("socket:");
            } catch (IOException e) {
                return false;
            }
        }

        private static String run(String... command) throws IOException, InterruptedException {
            Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
            String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
            process.waitFor();
            return output;
        }

        private long threadCount() {
            return threads.values().stream().mapToLong(Long::longValue).sum();
        }

        void compare(Vitals after, Map<String, Object> figures) {
            print("  threads              %d → %d%n", threadCount(), after.threadCount());
            print("  file handles         %d → %d (sockets %d → %d)%n", files, after.files, sockets, after.sockets);
            print("  heap after GC        %.1f → %.1f MB (resident memory %d → %d MB)%n",
                    heap / 1024.0, after.heap / 1024.0, memory / 1024, after.memory / 1024);
            Set<String> names = new TreeSet<>(threads.keySet());
            names.addAll(after.threads.keySet());
            String changed = names.stream().filter(name -> !threads.getOrDefault(name, 0L).equals(after.threads.getOrDefault(name, 0L)))
                    .map(name -> name + " " + threads.getOrDefault(name, 0L) + " → " + after.threads.getOrDefault(name, 0L))
                    .collect(Collectors.joining(", "));
            System.out.println("  threads changed      " + (changed.isEmpty() ? "none" : changed));
            figures.put("threads", after.threadCount() - threadCount());
            figures.put("files", after.files - files);
            figures.put("heap_kb", after.heap - heap);
        }
    }
}
