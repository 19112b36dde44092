package io.mirrorregistry.warm.queue;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;

/** A process of its own that uses a store in a file. It prints a line for each thing it has done. */
final class StoreProcess implements AutoCloseable {

    private static final String MARK = "> ";

    private final Process process;
    private final Path output;

    private StoreProcess(Process process, Path output) {
        this.process = process;
        this.output = output;
    }

    /** Commands of the process. */
    enum Command {
        /** Adds items without end, and claims each other one; prints the id after each addition. */
        ADD,
        /** Prints the problem of the store, or "none". */
        PROBLEM,
        /** Adds items until there is a problem; prints the number of items, and the problem. */
        FILL,
        /** Claims an item and a blob, stores where the upload of it is, prints "claimed" and waits. */
        CLAIM
    }

    public static void main(String[] arguments) throws Exception {
        JdbcStore store = new JdbcStore(H2StoreTest.settings(Path.of(arguments[1])), "child");
        switch (Command.valueOf(arguments[0])) {
            case ADD:
                for (int i = 0;; i++) {
                    print(store.add(StoreContract.request("child-" + ProcessHandle.current().pid() + "-" + i, Origin.PULL), false).id());
                    if (i % 2 == 0) {
                        store.claim("child", "hot", Set.of());
                    }
                }
            case PROBLEM:
                String problem = StoreContract.problem(store);
                print(problem == null ? "none" : problem);
                return;
            case FILL:
                fill(store);
                return;
            case CLAIM:
                store.add(StoreContract.request("claimed", Origin.PULL), false);
                store.claim("child", "hot", Set.of());
                store.claimBlob(StoreContract.HOT, StoreContract.DIGEST, "child", null);
                store.uploaded(StoreContract.HOT, StoreContract.DIGEST, "child", "/upload/1", 17);
                store.claimLists("child");
                // An addition is in the file when it returns, and all that came before it.
                store.add(StoreContract.request("last", Origin.LIST), false);
                print("claimed");
                Thread.sleep(Long.MAX_VALUE);
                return;
            default:
                throw new IllegalArgumentException(arguments[0]);
        }
    }

    /** Prints a line that is none of the log's. */
    private static void print(Object line) {
        System.out.println(MARK + line);
    }

    private static void fill(JdbcStore store) {
        int count = 0;
        try {
            while (true) {
                store.add(StoreContract.request("fill-" + count, Origin.PULL), false);
                count++;
            }
        } catch (StoreAwayException e) {
            print(count);
            print(e.getMessage());
        }
    }

    /**
     * Starts it.
     *
     * @param before what the command line begins with
     */
    static StoreProcess start(Path file, Path output, Command command, String... before) throws IOException {
        List<String> line = new ArrayList<>(List.of(before));
        line.addAll(List.of(Path.of(System.getProperty("java.home"), "bin", "java").toString(), "-XX:TieredStopAtLevel=1", "-cp", System.getProperty("java.class.path"),
                StoreProcess.class.getName(), command.name(), file.toString()));
        File error = output.resolveSibling(output.getFileName() + ".err").toFile();
        return new StoreProcess(new ProcessBuilder(line).redirectOutput(output.toFile()).redirectError(error).start(), output);
    }

    /** Returns the whole lines that it has printed so far, without those of the log. */
    List<String> lines() throws IOException {
        String text = Files.readString(output);
        return text.substring(0, text.lastIndexOf('\n') + 1).lines().filter(line -> line.startsWith(MARK)).map(line -> line.substring(MARK.length())).toList();
    }

    /** Waits until it ends by itself, and returns its lines. */
    List<String> end() throws IOException, InterruptedException {
        if (!process.waitFor(60, TimeUnit.SECONDS)) {
            throw new AssertionError("the process still runs");
        }
        return lines();
    }

    boolean isAlive() {
        return process.isAlive();
    }

    /** Ends it with SIGKILL. */
    @Override
    public void close() {
        process.destroyForcibly();
        process.onExit().join();
    }
}
