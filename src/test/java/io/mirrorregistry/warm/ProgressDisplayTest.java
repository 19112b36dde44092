package io.mirrorregistry.warm;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.vertx.core.json.JsonObject;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

class ProgressDisplayTest {

    private final StringWriter out = new StringWriter();
    private long seconds;

    private ProgressDisplay display(boolean terminal) {
        return new ProgressDisplay(new PrintWriter(out), terminal, () -> TimeUnit.SECONDS.toNanos(seconds));
    }

    private static JsonObject item(String state, long megabytes, long of) {
        return new JsonObject().put("id", 7).put("image", "app").put("state", state).put("bytesDone", megabytes * 1_000_000).put("bytesTotal", of * 1_000_000);
    }

    private String next() {
        String text = out.toString();
        out.getBuffer().setLength(0);
        return text;
    }

    @Test
    void measuresTheRateWhileTheItemRuns() {
        ProgressDisplay display = display(true);
        display.show(item("running", 0, 0));
        assertEquals("\r[------------------------]   0 %  running", next());
        seconds = 1;
        display.show(item("running", 10, 40));
        assertEquals("\r[######------------------]  25 %  10.0 of 40.0 MB  10.0 MB/s  running", next());
        seconds = 2;
        display.show(item("running", 30, 40));
        assertEquals("\r[##################------]  75 %  30.0 of 40.0 MB  13.0 MB/s  running", next());
        seconds = 3;
        display.show(item("waiting", 0, 40));
        assertEquals("\r[------------------------]   0 %  0.0 of 40.0 MB  waiting            ", next());
        display.show(item("running", 40, 40));
        assertEquals("\r[########################] 100 %  40.0 of 40.0 MB  running", next());
        display.end();
        display.end();
        assertEquals(System.lineSeparator(), next());
    }

    /** The bytes that are known of an image grow with each manifest that is read. */
    @Test
    void neverShowsMoreThanAll() {
        ProgressDisplay display = display(true);
        display.show(item("running", 50, 40));
        assertTrue(next().contains("] 100 %  50.0 of 40.0 MB"));
    }

    @Test
    void showsWhyTheItemWaits() {
        JsonObject throttled = item("waiting", 0, 40).put("reason", "throttled").put("message", "GET 429");
        ProgressDisplay elsewhere = display(false);
        elsewhere.show(item("waiting", 0, 40));
        next();
        elsewhere.show(throttled);
        elsewhere.show(throttled);
        assertEquals("Item 7: waiting, app, 0 %, 0.0 of 40.0 MB: throttled: GET 429" + System.lineSeparator(), next());
        ProgressDisplay display = display(true);
        display.show(item("waiting", 0, 40));
        next();
        display.show(throttled);
        String bar = "\r[------------------------]   0 %  0.0 of 40.0 MB  waiting";
        assertEquals(System.lineSeparator() + "The item waits: throttled: GET 429" + System.lineSeparator() + bar, next());
        display.show(throttled);
        assertEquals(bar, next());
    }

    @Test
    void writesALineAfterTenSecondsElsewhere() {
        ProgressDisplay display = display(false);
        display.show(item("running", 1, 40));
        next();
        seconds = 9;
        display.show(item("running", 2, 40));
        assertEquals("", next());
        seconds = 10;
        display.show(item("running", 4, 40));
        assertEquals("Item 7: running, app, 10 %, 4.0 of 40.0 MB" + System.lineSeparator(), next());
        display.end();
        assertEquals("", next());
    }
}
