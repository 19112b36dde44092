package io.mirrorregistry.config;

import io.mirrorregistry.files.Denied;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/** Single settings with their types; each method throws {@link InvalidSettingException} for what is none of the type. */
final class SettingValues {

    static final long MEGABYTE = 1024 * 1024;

    /**
     * The longest time, ten years: nobody waits longer, and sums and small multiples of it in nanoseconds stay within a long, as does the number of
     * seconds within an int.
     */
    static final Duration LONGEST = Duration.ofHours(87_600);
    private static final Pattern QUANTITY = Pattern.compile("([0-9]+)([A-Za-z]*)");

    private final Map<String, String> text;
    private final Set<String> broken;

    SettingValues(Map<String, String> text) {
        this(text, Set.of());
    }

    /** @param broken the settings that are known not to work; a check reads on without them */
    SettingValues(Map<String, String> text, Set<String> broken) {
        this.text = text;
        this.broken = broken;
    }

    /** Returns whether a setting is known not to work, and is not to be refused again. */
    boolean isBroken(String name) {
        return broken.contains(name);
    }

    /** Returns whether any of the settings that are known not to work is such a one. */
    boolean isAnyBroken(Predicate<String> such) {
        return broken.stream().anyMatch(such);
    }

    int port(String name) throws InvalidSettingException {
        return number(name, 1, 65535);
    }

    int number(String name, int least, int most) throws InvalidSettingException {
        try {
            int number = Integer.parseInt(value(name));
            if (number >= least && number <= most) {
                return number;
            }
        } catch (NumberFormatException e) {
            // refused below, like a number outside the bounds
        }
        if (isBroken(name)) {
            // The default is outside the bounds as well.
            return least;
        }
        throw invalid(name, "it is to be a number from " + least + " to " + most);
    }

    /** Reads a size in bytes. */
    long bytes(String name) throws InvalidSettingException {
        return bytes(name, SettingsSource.carried().get(name));
    }

    /** @param example for the message */
    long bytes(String name, String example) throws InvalidSettingException {
        Matcher size = QUANTITY.matcher(value(name));
        long unit = !size.matches() ? 0 : switch (size.group(2)) {
            case "KB" -> 1024;
            case "MB" -> MEGABYTE;
            case "GB" -> 1024 * MEGABYTE;
            case "" -> size.group(1).equals("0") ? 1 : 0;
            default -> 0;
        };
        if (unit == 0) {
            throw invalid(name, "a size is a number with KB, MB or GB, such as " + example + ", or 0");
        }
        long count = count(size);
        return count > Long.MAX_VALUE / unit ? Long.MAX_VALUE : count * unit;
    }

    /** Reads a time that may be 0. */
    Duration durationOrZero(String name) throws InvalidSettingException {
        return durationOrZero(name, SettingsSource.carried().get(name));
    }

    /** @param otherwise the default of a setting that the jar does not carry */
    Duration durationOrZero(String name, String otherwise) throws InvalidSettingException {
        String value = value(name);
        return value.equals("0") || value.equals("0s") ? Duration.ZERO : duration(name, otherwise);
    }

    Duration duration(String name) throws InvalidSettingException {
        return duration(name, SettingsSource.carried().get(name));
    }

    /** @param otherwise the default of a setting that the jar does not carry */
    Duration duration(String name, String otherwise) throws InvalidSettingException {
        Matcher time = QUANTITY.matcher(text.getOrDefault(name, otherwise));
        TimeUnit unit = !time.matches() ? null : switch (time.group(2)) {
            case "ms" -> TimeUnit.MILLISECONDS;
            case "s" -> TimeUnit.SECONDS;
            case "m" -> TimeUnit.MINUTES;
            case "h" -> TimeUnit.HOURS;
            default -> null;
        };
        if (unit == null || count(time) == 0) {
            throw invalid(name, "a time is a number above 0 with ms, s, m or h, such as " + otherwise);
        }
        if (count(time) > unit.convert(LONGEST)) {
            throw invalid(name, "a time is at most " + LONGEST.toHours() + "h, which is ten years");
        }
        return Duration.of(count(time), unit.toChronoUnit());
    }

    /** Returns whether a setting is true rather than false. */
    boolean bool(String name) throws InvalidSettingException {
        return oneOf(name, Set.of("true", "false")).equals("true");
    }

    String oneOf(String name, Set<String> choices) throws InvalidSettingException {
        return oneOf(name, choices, SettingsSource.carried().get(name));
    }

    /** @param otherwise the default of a setting that the jar does not carry */
    String oneOf(String name, Set<String> choices, String otherwise) throws InvalidSettingException {
        String value = text.getOrDefault(name, otherwise).toLowerCase(Locale.ROOT);
        if (!choices.contains(value)) {
            throw invalid(name, "it is one of " + String.join(", ", new TreeSet<>(choices)));
        }
        return value;
    }

    /** Returns the text; empty for none. */
    String value(String name) {
        return text.getOrDefault(name, "");
    }

    /**
     * Reads the path of a folder, which need not be there.
     *
     * @param directory where relative paths start
     */
    Path folder(String name, Path directory) throws InvalidSettingException {
        try {
            return directory.resolve(value(name));
        } catch (InvalidPathException e) {
            throw invalid(name, "it is no path");
        }
    }

    /** Reads a list with commas between its parts; empty for an empty setting. A part between two commas may be empty. */
    List<String> list(String name) {
        return value(name).isEmpty() ? List.of() : Stream.of(value(name).split(",", -1)).map(String::strip).toList();
    }

    /**
     * Reads the path of a file that is there, or of which that cannot be told: reading it then says why.
     *
     * @param directory where relative paths start
     */
    Path file(String name, Path directory) throws InvalidSettingException {
        try {
            Path file = directory.resolve(value(name));
            if (Files.isRegularFile(file) || Denied.isHidden(file)) {
                return file;
            }
        } catch (InvalidPathException e) {
            // refused below, like the path of a file that is not there
        }
        throw invalid(name, "there is no such file");
    }

    InvalidSettingException invalid(String name, String expected) {
        return new InvalidSettingException(name, value(name).isEmpty() ? "(empty)" : value(name), expected);
    }

    static boolean hasControlCharacter(String value) {
        return value.chars().anyMatch(c -> c < ' ' || c == 127);
    }

    /** Returns the number, or the largest one where it is larger. */
    private static long count(Matcher quantity) {
        try {
            return Long.parseLong(quantity.group(1));
        } catch (NumberFormatException e) {
            return Long.MAX_VALUE;
        }
    }
}
