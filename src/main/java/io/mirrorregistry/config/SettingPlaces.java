package io.mirrorregistry.config;

import java.nio.file.Path;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Where the settings of {@code config.yaml} are. A message names a setting as {@code application.properties} does; for a setting that is in
 * {@code config.yaml}, this class puts the file, the line and the key of that file in its place. Safe for all threads.
 */
public final class SettingPlaces {

    private static final Pattern NAME = Pattern.compile("mirror\\.[a-zA-Z0-9.-]*[a-zA-Z0-9]");

    private final Path file;
    private final Map<String, Integer> lines;

    /**
     * @param file where {@code config.yaml} is
     * @param lines by the setting's name, for each setting that counts as the file has it: the line, from 1
     */
    SettingPlaces(Path file, Map<String, Integer> lines) {
        this.file = file;
        this.lines = Map.copyOf(lines);
    }

    /** Returns the message with the places in it; the message itself where it names no setting of {@code config.yaml}. */
    public String locate(String message) {
        String own = lines.keySet().stream().filter(name -> message.startsWith(name) && "=: ".indexOf((message + " ").charAt(name.length())) >= 0)
                .findFirst().orElse("");
        String rest = NAME.matcher(message.substring(own.length())).replaceAll(found -> Matcher.quoteReplacement(other(found.group(), !own.isEmpty())));
        return own.isEmpty() ? rest : file + ", line " + lines.get(own) + ": " + GoConfig.key(own) + rest;
    }

    private String other(String name, boolean sameFile) {
        Integer line = lines.get(name);
        if (line != null) {
            return GoConfig.key(name) + (sameFile ? " (line " : " (" + file + ", line ") + line + ")";
        }
        return sameFile && GoConfig.isKnown(GoConfig.key(name)) ? GoConfig.key(name) : name;
    }

    /** Returns the same exception with the places in its message. */
    public InvalidSettingException locate(InvalidSettingException fault) {
        return new InvalidSettingException(locate(fault.getMessage()), fault.setting());
    }
}
