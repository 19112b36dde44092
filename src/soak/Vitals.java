package soak;

import static soak.Output.print;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * What the mirror's process holds.
 *
 * @param threads those of each name; without the JVM's own for compiling and collecting, of which it has more or less as it likes
 * @param heap in KB, after a garbage collection
 */
record Vitals(Map<String, Long> threads, int files, int sockets, long heap, long memory) {

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
