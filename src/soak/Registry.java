package soak;

import static soak.Output.now;
import static soak.Output.time;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.stream.Collectors;

/** A registry: its process, the proxy before it, and when it had which fault. */
final class Registry implements Comparable<Registry> {

    /** How long after a registry's recovery the mirror may take to notice: the probe's interval, a probe and its trial calls. */
    static final long RECOVERY = 3_000;
    private final String name;
    private final int backend;
    private final Path config;
    private final Path log;
    final Proxy proxy;
    private final List<Period> periods = new CopyOnWriteArrayList<>();
    private final SlowTimes slow = new SlowTimes();
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

    /** Notes whether the mirror finds it slow now, so that it asks the others first. */
    void foundSlow(boolean now) {
        slow.found(now, troubleEnd());
    }

    /** Returns whether the mirror may have found it slow at some moment of that time. */
    boolean wasSlow(long from, long to) {
        return slow.touches(from, to);
    }

    /** Returns for how long after the end of its trouble the mirror has found it slow at most, in ms. */
    long longestSlow() {
        return slow.longestAfterTrouble();
    }

    /** Returns when its last trouble ended; now while it has any. */
    private long troubleEnd() {
        return periods.stream().filter(period -> period.fault.isTrouble()).mapToLong(period -> period.end == 0 ? now() : period.end).max().orElse(0);
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
