package soak;

import java.time.Instant;
import java.time.LocalTime;
import java.time.ZoneId;
import java.time.format.DateTimeFormatter;
import java.util.Locale;

/** What is printed, and the time that stands before it. */
final class Output {

    private static final DateTimeFormatter TIME = DateTimeFormatter.ofPattern("HH:mm:ss.SSS");

    private Output() {
    }

    static long now() {
        return System.currentTimeMillis();
    }

    static String time(long at) {
        return TIME.format(LocalTime.ofInstant(Instant.ofEpochMilli(at), ZoneId.systemDefault()));
    }

    static void print(String format, Object... values) {
        System.out.printf(Locale.ROOT, format, values);
    }

    static void say(String what) {
        System.out.println(time(now()) + " " + what);
    }
}
