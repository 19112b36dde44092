package io.mirrorregistry.warm;

import io.mirrorregistry.registry.Registry;
import io.mirrorregistry.registry.RegistryAnswers;
import java.time.Duration;
import java.time.Instant;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.apache.hc.core5.http.ClassicHttpResponse;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The registries at which this mirror pauses copying: registries that are away, that throttle, or that allow only few more requests. Thread-safe.
 *
 * @see <a href="https://docs.docker.com/docker-hub/usage/pulls/">Docker Hub's pull limits</a>
 */
final class RegistryPauses {

    private static final Logger LOG = LoggerFactory.getLogger(RegistryPauses.class);
    /** The delay for an item whose sources are away, if they do not pause longer. */
    static final Duration AWAY = Duration.ofSeconds(15);
    private static final Duration FIRST = Duration.ofSeconds(2);
    private static final Duration LONGEST_AWAY = Duration.ofSeconds(30);
    private static final Duration LONGEST_THROTTLED = Duration.ofHours(1);
    /** Below this share of the limit the mirror leaves the remaining requests to clients. */
    private static final double LEAST_LEFT = 0.3;
    /** A pause for a low limit lasts this part of the limit's window. */
    private static final int WINDOW_PARTS = 10;
    private static final Duration WINDOW = Duration.ofHours(1);
    /** A larger number of seconds counts from 1970. */
    private static final long EPOCH = 1_000_000_000;

    /** A pause; a registry that pauses again and again without a success in between pauses longer. */
    private record Pause(Instant until, String why, int count) {
    }

    private final List<Registry> registries;
    /** Guarded by this. */
    private final Map<String, Pause> pauses = new HashMap<>();

    /** @param registries all that settings define: copying pauses as well while a circuit breaker is open */
    RegistryPauses(Collection<Registry> registries) {
        this.registries = List.copyOf(registries);
    }

    /** Returns the registries that pause now. */
    Set<String> paused() {
        Set<String> paused = registries.stream().filter(registry -> !registry.isTried()).map(Registry::name).collect(Collectors.toCollection(HashSet::new));
        Instant now = Instant.now();
        synchronized (this) {
            pauses.forEach((name, pause) -> {
                if (pause.until.isAfter(now)) {
                    paused.add(name);
                }
            });
        }
        return paused;
    }

    /** Returns how long the pause at a registry lasts from now on; zero for none. */
    synchronized Duration left(String registry) {
        Pause pause = pauses.get(registry);
        Duration left = pause == null ? Duration.ZERO : Duration.between(Instant.now(), pause.until);
        return left.isNegative() ? Duration.ZERO : left;
    }

    /** Returns the pauses for people, by the names of the registries. */
    List<Overview.Pause> overview() {
        Map<String, Overview.Pause> all = new TreeMap<>();
        registries.stream().filter(registry -> !registry.isTried()).forEach(registry -> all.put(registry.name(),
                new Overview.Pause(registry.name(), null, "Registry " + registry.name() + " fails: its circuit breaker is open")));
        Instant now = Instant.now();
        synchronized (this) {
            pauses.forEach((name, pause) -> {
                if (pause.until.isAfter(now)) {
                    all.putIfAbsent(name, new Overview.Pause(name, pause.until, pause.why));
                }
            });
        }
        return List.copyOf(all.values());
    }

    /**
     * Pauses at a registry that cannot be reached, or does not accept the mirror: longer each time, at most {@link #LONGEST_AWAY}.
     *
     * @return how long the pause lasts
     */
    Duration away(String registry, String why) {
        return pause(registry, null, LONGEST_AWAY, why);
    }

    /**
     * Pauses at a registry that responded 429.
     *
     * @param retryAfter the value of Retry-After; null for none. For none, and for 0, the pause is longer each time, at most {@link #LONGEST_THROTTLED}
     * @return how long the pause lasts
     */
    Duration throttled(String registry, String retryAfter, String why) {
        Duration delay = retryAfter == null ? Duration.ZERO : RegistryAnswers.delay(retryAfter, Instant.now());
        return pause(registry, delay.isZero() ? null : delay, LONGEST_THROTTLED, why);
    }

    /** Notes that a registry has served. Ends the series of pauses, unless a pause still lasts. */
    synchronized void served(String registry) {
        Pause last = pauses.get(registry);
        if (last != null && !last.until.isAfter(Instant.now())) {
            pauses.remove(registry);
        }
    }

    /** Pauses if the headers of a response show that the registry's limit is nearly reached. */
    void readLimit(String registry, ClassicHttpResponse response) {
        RateLimit remaining = RateLimit.parse(RegistryAnswers.value(response, "ratelimit-remaining"));
        RateLimit limit = RateLimit.parse(RegistryAnswers.value(response, "ratelimit-limit"));
        if (remaining == null || limit == null || limit.count() <= 0 || remaining.count() >= LEAST_LEFT * limit.count()) {
            return;
        }
        long reset = RegistryAnswers.digits(RegistryAnswers.value(response, "ratelimit-reset"));
        // Some registries, such as GitLab's, send a point in time.
        reset = reset > EPOCH ? reset - Instant.now().getEpochSecond() : reset;
        Duration window = remaining.window() != null ? remaining.window() : limit.window() != null ? limit.window() : WINDOW;
        Duration pause = reset > 0 ? Duration.ofSeconds(Math.min(reset, LONGEST_THROTTLED.toSeconds())) : window.dividedBy(WINDOW_PARTS);
        pause(registry, pause, LONGEST_THROTTLED, "Registry " + registry + " allows " + remaining.count() + " more requests of " + limit.count());
    }

    private Duration pause(String registry, Duration given, Duration longest, String why) {
        Pause next;
        boolean began;
        synchronized (this) {
            Instant now = Instant.now();
            Pause last = pauses.get(registry);
            began = last == null || !last.until.isAfter(now);
            int count = last == null ? 1 : began ? last.count + 1 : last.count;
            Duration time = given != null ? given : backoff(count, longest);
            Instant until = now.plus(time.compareTo(LONGEST_THROTTLED) > 0 ? LONGEST_THROTTLED : time);
            next = began || until.isAfter(last.until) ? new Pause(until, why, count) : last;
            pauses.put(registry, next);
        }
        if (began) {
            LOG.atInfo().addKeyValue("registry", registry).log("Copying pauses at registry {} for {} s: {}", registry,
                    Math.max(1, Duration.between(Instant.now(), next.until).toSeconds()), why);
        }
        Duration left = Duration.between(Instant.now(), next.until);
        return left.isNegative() ? Duration.ZERO : left;
    }

    /** Returns 2 s · 2^(count − 1), at most {@code longest}. */
    static Duration backoff(int count, Duration longest) {
        Duration time = FIRST.multipliedBy(1L << Math.min(count - 1, 20));
        return time.compareTo(longest) > 0 ? longest : time;
    }

    /**
     * A number of requests, as in {@code 76;w=21600}.
     *
     * @param window the time that it holds for; null for none
     */
    private record RateLimit(long count, Duration window) {

        static RateLimit parse(String header) {
            if (header == null) {
                return null;
            }
            String[] parts = header.split(";", 2);
            long count = RegistryAnswers.digits(parts[0].strip());
            if (count < 0) {
                return null;
            }
            String parameter = parts.length == 2 ? parts[1].strip() : "";
            long seconds = parameter.startsWith("w=") ? RegistryAnswers.digits(parameter.substring(2).strip()) : -1;
            return new RateLimit(count, seconds > 0 ? Duration.ofSeconds(seconds) : null);
        }
    }
}
