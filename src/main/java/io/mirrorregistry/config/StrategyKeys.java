package io.mirrorregistry.config;

import java.util.Comparator;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The settings of strategies, {@code mirror.strategy.NAME.KEY}. A strategy that is added to a mirror may read any key, so each name and
 * each key is legal.
 */
final class StrategyKeys {

    /** The setting that chooses a strategy. */
    static final String STRATEGY = "mirror.strategy";
    private static final Pattern NAME = Pattern.compile("[a-z][a-z0-9-]*");
    private static final Pattern KEY = Pattern.compile("mirror\\.strategy\\.(" + NAME + ")\\.(.+)");
    private static final String PREFIX = "MIRROR_STRATEGY_";

    private StrategyKeys() {
    }

    static boolean isKey(String name) {
        return KEY.matcher(name).matches();
    }

    static boolean isName(String name) {
        return NAME.matcher(name).matches();
    }

    /** Returns the settings of each strategy that has any, by its name and their keys. */
    static Map<String, Map<String, String>> read(Map<String, String> text) {
        Map<String, Map<String, String>> all = new TreeMap<>();
        text.forEach((name, value) -> {
            Matcher key = KEY.matcher(name);
            if (key.matches()) {
                all.computeIfAbsent(key.group(1), strategy -> new TreeMap<>()).put(key.group(2), value);
            }
        });
        all.replaceAll((strategy, settings) -> Map.copyOf(settings));
        return Map.copyOf(all);
    }

    /**
     * Returns the setting of a variable {@code MIRROR_STRATEGY_NAME_KEY}; null for any other. The name is the longest that is chosen or
     * has a setting, and otherwise the first word.
     *
     * @param text all settings in files
     */
    static String key(String variable, Map<String, String> text) {
        if (!variable.startsWith(PREFIX) || !variable.equals(SettingsSource.variable(variable))) {
            return null;
        }
        String rest = variable.substring(PREFIX.length()).toLowerCase(Locale.ROOT).replace('_', '-');
        Set<String> names = new TreeSet<>(read(text).keySet());
        names.add(text.getOrDefault(STRATEGY, "").strip());
        String name = names.stream().filter(known -> isName(known) && rest.startsWith(known + "-")).max(Comparator.comparing(String::length))
                .orElse(rest.substring(0, Math.max(0, rest.indexOf('-'))));
        return isName(name) && rest.length() > name.length() + 1 ? STRATEGY + "." + name + "." + rest.substring(name.length() + 1) : null;
    }
}
