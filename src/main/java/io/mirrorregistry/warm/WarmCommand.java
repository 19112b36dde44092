package io.mirrorregistry.warm;

import io.mirrorregistry.config.InvalidSettingException;
import io.mirrorregistry.warm.WarmClient.FailedException;
import io.vertx.core.json.JsonObject;
import java.io.PrintWriter;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** The command {@code warm}: asks the running mirror of this machine to copy an image. The copy continues when the command is stopped. */
@Command(name = "warm", mixinStandardHelpOptions = true,
        description = "Asks the running mirror to copy an image to the registry that mirror.warm.to names. The copy continues when this command is stopped.",
        exitCodeListHeading = "%nExit code:%n",
        exitCodeList = {"0:the image is queued, the items are listed, or the item is cancelled; with --wait: the image is copied, perhaps without a part",
            "1:with --wait: the copy failed or was cancelled; with --cancel: there is no such item, or it was finished before",
            "2:the arguments are wrong, no mirror responds, or the mirror refuses the image or copies nothing"})
public final class WarmCommand implements Callable<Integer> {

    /** The exit code for wrong arguments, and if no mirror responds or it refuses. */
    public static final int REFUSED = 2;

    private static final int FAILED = 1;
    private static final int NOT_FOUND = 404;
    private static final int TOO_MANY = 503;
    private static final Duration POLL = Duration.ofMillis(500);
    /** Maximum time that a mirror or its database may be away while the command waits for an item. A restart takes less. */
    private static final Duration MAX_WAIT = Duration.ofMinutes(2);

    private final Port port;
    private final boolean terminal;
    private final Duration maxWait;

    @Spec
    private CommandSpec spec;

    @Parameters(paramLabel = "IMAGE", arity = "0..1", description = "the image, as a client writes it: NAME[:TAG] or NAME@DIGEST; no tag means latest")
    private String image;

    @Option(names = "--platform", paramLabel = "PLATFORM", split = ",",
            description = "copies only the images of this platform, such as linux/amd64, from an image of several; may be given more than once")
    private List<String> platforms = new ArrayList<>();

    @Option(names = "--wait", description = "waits for the end of the copy and shows its progress")
    private boolean wait;

    @Option(names = "--list", description = "lists the items that run, wait, have failed or were copied in part")
    private boolean list;

    @Option(names = "--cancel", paramLabel = "ID", description = "cancels an item that waits or runs")
    private Long cancelled;

    /** Reads the management port of the mirror. */
    @FunctionalInterface
    public interface Port {

        /** @throws InvalidSettingException if a setting cannot work */
        int read() throws InvalidSettingException;
    }

    /** @param port is called when the command runs, before anything else */
    public WarmCommand(Port port) {
        this(port, isTerminal(), MAX_WAIT);
    }

    /**
     * @param terminal whether standard output is a terminal
     * @param maxWait maximum time that a mirror may be away while the command waits for an item
     */
    WarmCommand(Port port, boolean terminal, Duration maxWait) {
        this.port = port;
        this.terminal = terminal;
        this.maxWait = maxWait;
    }

    private static boolean isTerminal() {
        // Java 22 and later return a console for a pipe as well, unless the property jdk.console is java.base.
        if (System.getProperty("jdk.console") == null) {
            System.setProperty("jdk.console", "java.base");
        }
        return System.console() != null;
    }

    /** Adds the command to a command line, with its version. */
    public void addTo(CommandLine parent) {
        CommandLine added = new CommandLine(this);
        parent.addSubcommand(added);
        added.getCommandSpec().versionProvider(parent.getCommandSpec().versionProvider());
    }

    @Override
    public Integer call() throws InterruptedException {
        requireOne();
        try {
            WarmClient mirror = new WarmClient(port.read());
            return list ? list(mirror) : cancelled != null ? cancel(mirror) : ask(mirror);
        } catch (FailedException e) {
            err(e.getMessage());
            return REFUSED;
        } catch (InvalidSettingException e) {
            err(e.getMessage());
            return REFUSED;
        }
    }

    private void requireOne() {
        int given = (image == null ? 0 : 1) + (list ? 1 : 0) + (cancelled == null ? 0 : 1);
        if (given != 1) {
            throw new ParameterException(spec.commandLine(),
                    given == 0 ? "Name an image, or give --list or --cancel" : "Give one of IMAGE, --list and --cancel");
        } else if (image == null && (wait || !platforms.isEmpty())) {
            throw new ParameterException(spec.commandLine(), "The options --wait and --platform need an image");
        } else if (cancelled != null && cancelled < 0) {
            throw new ParameterException(spec.commandLine(), "The id of an item is a number, as --list shows it");
        }
    }

    private int list(WarmClient mirror) throws FailedException {
        JsonObject overview = mirror.overview();
        if (overview.getString("problem") != null) {
            ItemText.pauses(overview).forEach(this::out);
            err(overview.getString("problem"));
            return REFUSED;
        }
        ItemText.list(overview).forEach(this::out);
        return 0;
    }

    private int cancel(WarmClient mirror) throws FailedException {
        try {
            JsonObject item = mirror.cancel(cancelled);
            out(ItemText.line(item));
            return item.getString("state").equals("cancelled") ? 0 : FAILED;
        } catch (FailedException e) {
            if (e.status() != NOT_FOUND) {
                throw e;
            }
            // A mirror that copies nothing responds 404 to this as well.
            mirror.overview();
            err(e.getMessage());
            return FAILED;
        }
    }

    private int ask(WarmClient mirror) throws FailedException, InterruptedException {
        JsonObject item = mirror.ask(image, platforms);
        if (!wait) {
            out(ItemText.line(item));
            return 0;
        }
        ProgressDisplay display = new ProgressDisplay(spec.commandLine().getOut(), terminal, System::nanoTime);
        if (terminal) {
            out("Item " + item.getLong("id") + ": " + image);
        }
        try {
            return end(await(mirror, item, display), display);
        } finally {
            display.end();
        }
    }

    /** Returns the item once it is finished. A mirror that is away is asked again: it may be restarting. */
    private JsonObject await(WarmClient mirror, JsonObject asked, ProgressDisplay display) throws FailedException, InterruptedException {
        JsonObject item = asked;
        long lastResponse = System.nanoTime();
        boolean announced = false;
        while (true) {
            if (item != null) {
                display.show(item);
                if (!item.getString("state").equals("waiting") && !item.getString("state").equals("running")) {
                    return item;
                }
            }
            TimeUnit.MILLISECONDS.sleep(POLL.toMillis());
            try {
                item = mirror.find(asked.getLong("id"));
                lastResponse = System.nanoTime();
                announced = false;
            } catch (FailedException e) {
                boolean temporary = e.status() == WarmClient.NO_RESPONSE || e.status() == TOO_MANY;
                if (!temporary || System.nanoTime() - lastResponse > maxWait.toNanos()) {
                    throw e;
                }
                if (!announced) {
                    display.say(e.getMessage() + " The command tries again.");
                    announced = true;
                }
                item = null;
            }
        }
    }

    private int end(JsonObject item, ProgressDisplay display) {
        display.end();
        String why = ItemText.why(item);
        switch (item.getString("state")) {
            case "done":
                return 0;
            case "partial":
                out("A part was not copied" + (why.isEmpty() ? "." : ": " + why));
                return 0;
            default:
                err(ItemText.line(item) + (why.isEmpty() ? "" : ": " + why));
                return FAILED;
        }
    }

    private void out(String line) {
        print(spec.commandLine().getOut(), line);
    }

    private void err(String line) {
        print(spec.commandLine().getErr(), line);
    }

    private static void print(PrintWriter to, String line) {
        to.println(ItemText.plain(line));
        to.flush();
    }
}
