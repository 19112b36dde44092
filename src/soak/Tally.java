package soak;

import static soak.Output.now;
import static soak.Output.print;
import static soak.Output.say;
import static soak.Output.time;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.LongAdder;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** Counts. */
final class Tally {

    private static final int MOST_EXPLAINED = 10;
    private static final int MOST_OF_A_KIND = 3;
    private final Path log;
    private final Map<String, LongAdder> statuses = new ConcurrentSkipListMap<>();
    private final Map<String, LongAdder> faults = new ConcurrentSkipListMap<>();
    private final Map<Integer, LongAdder> timesQuiet = new ConcurrentSkipListMap<>();
    private final Map<Integer, LongAdder> timesTrouble = new ConcurrentSkipListMap<>();
    private final LongAdder requests = new LongAdder();
    private final LongAdder quiet = new LongAdder();
    final LongAdder honest = new LongAdder();
    final LongAdder honestMissing = new LongAdder();
    final LongAdder cut = new LongAdder();
    final LongAdder coldManifests = new LongAdder();
    final LongAdder coldBlobs = new LongAdder();
    final LongAdder followed = new LongAdder();
    final LongAdder brokenAtHot = new LongAdder();
    final LongAdder leftBefore = new LongAdder();
    final LongAdder leftAmid = new LongAdder();
    final LongAdder pushRequests = new LongAdder();
    final LongAdder pushFailures = new LongAdder();
    final LongAdder pushedImages = new LongAdder();
    final LongAdder pulledBack = new LongAdder();
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
        String reason = answer.reason().replaceAll(":.*", "").replaceAll("\\d+", "N").replaceAll("\\[.*]", "[…]");
        LongAdder sofar = reasons.computeIfAbsent(reason, any -> new LongAdder());
        sofar.increment();
        // The first of each kind tell more than many of one.
        if (sofar.sum() <= MOST_OF_A_KIND && explained.size() < MOST_EXPLAINED) {
            explained.add(answer);
            say("WRONG: " + answer.told().lines().limit(2).collect(Collectors.joining()));
        }
    }

    private static <K> void count(Map<K, LongAdder> counters, K key) {
        counters.computeIfAbsent(key, any -> new LongAdder()).increment();
    }

    /** Forgets everything but wrong answers. */
    void reset() {
        Stream.of(statuses, faults, timesQuiet, timesTrouble).forEach(Map::clear);
        Stream.of(requests, quiet, honest, honestMissing, cut, coldManifests, coldBlobs, followed, brokenAtHot, leftBefore, leftAmid,
                        pushRequests, pushFailures, pushedImages, pulledBack)
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
        print("  pushed               %,d images in %,d requests, of which %,d failed with cold; %,d images pulled back at the end%n",
                pushedImages.sum(), pushRequests.sum(), pushFailures.sum(), pulledBack.sum());
        System.out.println("  time to the answer   " + times(timesQuiet) + " with both up;\n"
                + " ".repeat(23) + times(timesTrouble) + " with only hot in trouble");
        Map<String, Object> figures = new LinkedHashMap<>();
        figures.put("wrong", wrong.get());
        figures.put("from_cold", fromCold);
        figures.put("pushed", pushedImages.sum());
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
            System.out.println("\n" + answer.told() + "  log:");
            String reference = answer.target().replaceAll("[?].*", "");
            lines.stream().filter(line -> line.contains("\"soak/" + answer.number() + '"')
                            || line.length() > 23 && within(line.substring(11, 23), answer)
                            && (line.contains(" Breakers ") || line.contains(" RegistryProbes ") || line.contains(" Slowness ") || line.contains(" ERROR ")
                            || !line.contains(" access ") && line.contains(reference)))
                    .limit(20).map(line -> line.length() < 300 ? line : line.substring(0, 300) + " …")
                    .forEach(line -> System.out.println("    " + line));
        }
    }

    private static boolean within(String time, Wrong answer) {
        return time.compareTo(time(answer.start() - Registry.RECOVERY)) >= 0 && time.compareTo(time(answer.end())) <= 0;
    }
}
