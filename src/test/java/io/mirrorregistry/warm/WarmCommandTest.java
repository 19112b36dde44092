package io.mirrorregistry.warm;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.mirrorregistry.config.InvalidSettingException;
import io.mirrorregistry.warm.queue.State;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import picocli.CommandLine;

/** The command {@code warm} against {@code /warm} over real HTTP. */
@Timeout(60)
class WarmCommandTest {

    private final FakeQueue queue = new FakeQueue();
    private WarmServer server = new WarmServer(queue);
    private final int port = server.port();
    private boolean terminal;
    private Duration maxWait = Duration.ofMinutes(1);
    private final StringWriter out = new StringWriter();
    private final StringWriter err = new StringWriter();

    @CommandLine.Command(name = "mirror-registry")
    static final class Root {
    }

    @AfterEach
    void stop() {
        server.close();
    }

    private int run(String... arguments) {
        CommandLine line = new CommandLine(new Root());
        new WarmCommand(() -> port, terminal, maxWait).addTo(line);
        return line.setOut(new PrintWriter(out, true)).setErr(new PrintWriter(err, true)).execute(arguments);
    }

    private CompletableFuture<Integer> start(String... arguments) {
        return CompletableFuture.supplyAsync(() -> run(arguments));
    }

    private boolean isQueued() {
        return server.get("/warm/1").statusCode() == 200;
    }

    private void awaitOut(String text) {
        WarmWait.until(() -> out.toString().contains(text));
    }

    @Test
    void queuesAnImage() throws Exception {
        assertEquals(0, run("warm", "team/app:1", "--platform", "linux/amd64", "--platform", "linux/arm64,linux/arm/v7"));
        assertEquals("Item 1: waiting, team/app:1\n", out.toString());
        assertEquals(List.of("linux/amd64", "linux/arm64", "linux/arm/v7"), queue.find(1).request().platforms());
    }

    @Test
    void waitsForTheEndAndWritesALineForEachState() throws Exception {
        CompletableFuture<Integer> code = start("warm", "team/app:1", "--wait");
        awaitOut("waiting");
        queue.run(1, 12_300_000, 236_000_000);
        awaitOut("running");
        queue.run(1, 236_000_000, 236_000_000);
        queue.end(1, State.DONE, null, null);
        assertEquals(0, code.get());
        assertEquals("""
                Item 1: waiting, team/app:1
                Item 1: running, team/app:1, 5 %, 12.3 of 236.0 MB
                Item 1: done, team/app:1, 100 %, 236.0 of 236.0 MB
                """, out.toString());
    }

    @Test
    void showsWhyTheItemWaits() throws Exception {
        CompletableFuture<Integer> code = start("warm", "team/app:1", "--wait");
        awaitOut("waiting");
        queue.retry(1, FakeQueue.CREATED, "away", "Registry cold does not respond.");
        awaitOut("Item 1: waiting, team/app:1: away: Registry cold does not respond.\n");
        queue.end(1, State.DONE, null, null);
        assertEquals(0, code.get());
    }

    @Test
    void drawsABarOnATerminal() throws Exception {
        terminal = true;
        CompletableFuture<Integer> code = start("warm", "team/app:1", "--wait");
        awaitOut("waiting");
        queue.run(1, 118_000_000, 236_000_000);
        awaitOut("running");
        queue.end(1, State.DONE, null, null);
        assertEquals(0, code.get());
        assertTrue(out.toString().startsWith("Item 1: team/app:1\n\r[------------------------]   0 %  waiting"), out::toString);
        assertTrue(out.toString().contains("\r[############------------]  50 %  118.0 of 236.0 MB  running"), out::toString);
        assertTrue(out.toString().endsWith("done   \n"), () -> "the longer line before is overwritten: " + out);
    }

    @Test
    void saysWhichPartWasNotCopied() throws Exception {
        CompletableFuture<Integer> code = start("warm", "team/app:1", "--wait");
        WarmWait.until(this::isQueued);
        queue.end(1, State.PARTIAL, "index-refused", "PUT /v2/team/app/manifests/1 400: unknown manifest class");
        assertEquals(0, code.get());
        assertTrue(out.toString().endsWith("Item 1: partial, team/app:1\n"
                + "A part was not copied: index-refused: PUT /v2/team/app/manifests/1 400: unknown manifest class\n"),
                out::toString);
    }

    @ParameterizedTest
    @EnumSource(names = {"FAILED", "CANCELLED"})
    void failsWithTheReason(State state) throws Exception {
        CompletableFuture<Integer> code = start("warm", "team/app:1", "--wait");
        WarmWait.until(this::isQueued);
        queue.end(1, state, "unauthorized", "PUT 401\u001b[31m");
        assertEquals(1, code.get());
        assertEquals("Item 1: " + state.label() + ", team/app:1: unauthorized: PUT 401?[31m\n", err.toString());
        assertFalse(out.toString().contains("\u001b"));
    }

    /** A restart of the mirror, or of its database, does not end the wait. */
    @Test
    void waitsForAMirrorThatIsAway() throws Exception {
        CompletableFuture<Integer> code = start("warm", "team/app:1", "--wait");
        awaitOut("waiting");
        server.close();
        awaitOut("No mirror responds at 127.0.0.1:" + port);
        server = new WarmServer(queue, port);
        queue.run(1, 1, 2);
        awaitOut("running");
        queue.away("The database is away.");
        awaitOut("The database is away. The command tries again.");
        queue.away(null);
        queue.end(1, State.DONE, null, null);
        assertEquals(0, code.get());
    }

    @Test
    void doesNotWaitForeverForAMirrorThatIsAway() throws Exception {
        maxWait = Duration.ofMillis(100);
        CompletableFuture<Integer> code = start("warm", "team/app:1", "--wait");
        WarmWait.until(this::isQueued);
        queue.away("The database is away.");
        assertEquals(2, code.get());
        assertEquals("The database is away.\n", err.toString());
    }

    @Test
    void lists() throws Exception {
        for (int i = 1; i <= 4; i++) {
            run("warm", "team/app:" + i);
        }
        run("warm", "team/a-longer-name:1");
        queue.run(1, 1_000_000, 20_000_000);
        queue.end(2, State.FAILED, "throttled", "GET 429");
        queue.end(3, State.DONE, null, null);
        run("warm", "team/index:1");
        queue.end(6, State.PARTIAL, "refused", "PUT 400");
        queue.retry(4, FakeQueue.CREATED, "trouble", "GET\n500");
        queue.pause(new Overview.Pause("cold", Instant.parse("2026-03-01T10:05:00Z"), "it responded 429"));
        out.getBuffer().setLength(0);
        assertEquals(0, run("warm", "--list"));
        assertEquals("""
                Registry cold pauses until 2026-03-01T10:05:00Z: it responded 429
                ID  STATE    BYTES           IMAGE
                1   running  1.0 of 20.0 MB  team/app:1
                4   waiting                  team/app:4  (trouble: GET 500)
                5   waiting                  team/a-longer-name:1
                2   failed                   team/app:2  (throttled: GET 429)
                6   partial                  team/index:1  (refused: PUT 400)
                """, out.toString());
    }

    @Test
    void listsNothingAndSaysThatTheDatabaseIsAway() {
        assertEquals(0, run("warm", "--list"));
        assertEquals("No image is copied now, waits or has failed.\n", out.toString());
        queue.away("The database is away.");
        assertEquals(2, run("warm", "--list"));
        assertEquals("The database is away.\n", err.toString());
    }

    @Test
    void cancels() throws Exception {
        run("warm", "team/app:1");
        run("warm", "team/app:2");
        queue.end(2, State.DONE, null, null);
        out.getBuffer().setLength(0);
        assertEquals(0, run("warm", "--cancel", "1"));
        assertEquals(1, run("warm", "--cancel", "2"));
        assertEquals("Item 1: cancelled, team/app:1\nItem 2: done, team/app:2\n", out.toString());
        assertEquals(1, run("warm", "--cancel", "3"));
        assertEquals("There is no item 3.\n", err.toString());
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
        "warm | Name an image, or give --list or --cancel",
        "warm --wait | Name an image, or give --list or --cancel",
        "warm app --list | Give one of IMAGE, --list and --cancel",
        "warm --list --cancel 1 | Give one of IMAGE, --list and --cancel",
        "warm --list --wait | The options --wait and --platform need an image",
        "warm --cancel 1 --platform linux/amd64 | The options --wait and --platform need an image",
        "warm --cancel x | Invalid value for option '--cancel': 'x' is not a long",
        "warm --cancel -1 | The id of an item is a number, as --list shows it",
        "warm a b | Unmatched argument at index 2: 'b'",
        "warm UPPER | UPPER is no name of an image.",
        "warm app --platform linux | linux is no platform: a platform is OS/ARCHITECTURE"})
    void refusesWrongUse(String arguments, String sentence) {
        assertEquals(2, run(arguments.split(" ")));
        assertTrue(err.toString().startsWith(sentence), err::toString);
        assertEquals("", out.toString());
    }

    @ParameterizedTest
    @ValueSource(strings = {"app", "--list", "--cancel=1"})
    void saysThatNoMirrorResponds(String argument) {
        server.close();
        assertEquals(2, run("warm", argument));
        assertTrue(err.toString().startsWith("No mirror responds at 127.0.0.1:" + port + " (mirror.management.port): "), err::toString);
    }

    @Test
    void saysThatNothingIsCopiedOrASettingIsWrong() {
        server.close();
        server = new WarmServer(null, port);
        assertEquals(2, run("warm", "--cancel", "1"));
        assertEquals("Nothing is copied: mirror.warm.to is not set. It names the registry to which images are copied.\n", err.toString());
        err.getBuffer().setLength(0);
        assertEquals(2, run("warm", "app"));
        assertTrue(err.toString().startsWith("Nothing is copied: mirror.warm.to is not set."), err::toString);
        CommandLine line = new CommandLine(new Root());
        new WarmCommand(() -> {
            throw new InvalidSettingException("mirror.management.port", "x", "it is a number");
        }).addTo(line);
        assertEquals(2, line.setErr(new PrintWriter(err, true)).execute("warm", "app"));
        assertTrue(err.toString().contains("mirror.management.port=x"), err::toString);
    }
}
