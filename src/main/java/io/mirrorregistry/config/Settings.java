package io.mirrorregistry.config;

import java.net.URI;
import java.nio.file.Path;
import java.time.Duration;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * All settings, checked.
 *
 * @param server the clients' port and its limits
 * @param managementPort where health and metrics are
 * @param healthInterval how often each registry is probed
 * @param breaker when a registry that fails is not asked any more
 * @param registries by name, in the order of the names
 * @param leftOut the names of the registries that come with the mirror and are not among them, since mirror.plan and no other setting names them
 * @param plan the names of the registries that are asked for everything that no namespace claims, in this order; maybe empty
 * @param strategy the name of the strategy that makes the plan of a request; it need not exist
 * @param strategySettings the settings of strategies as text: by the strategy's name, then by the key
 * @param pluginsDirectory the folder of plug-ins; it need not exist
 * @param routes whether changes of route files are noticed
 * @param imagesDirectory the OCI image layout that is the registry cold while that has no url
 * @param cache what is remembered of registries' answers
 * @param lookahead how blobs are asked for before clients do
 * @param access who may pull; null where everybody may
 * @param push where pushes go; null where nobody may push
 * @param warm where images are copied; null if nothing is copied
 * @param logging how logs are written
 * @param placeholders what routes may refer to as {@code {{name}}}: all settings as text, without secrets
 * @param warnings what was found in files and has no meaning, a sentence each
 * @param places where the settings of config.yaml are, for messages about them
 */
public record Settings(
        ServerSettings server,
        int managementPort,
        Duration healthInterval,
        BreakerSettings breaker,
        Map<String, RegistrySettings> registries,
        Set<String> leftOut,
        List<String> plan,
        String strategy,
        Map<String, Map<String, String>> strategySettings,
        Path pluginsDirectory,
        RouteSettings routes,
        Path imagesDirectory,
        CacheSettings cache,
        LookaheadSettings lookahead,
        AccessSettings access,
        PushSettings push,
        WarmSettings warm,
        LoggingSettings logging,
        Map<String, String> placeholders,
        List<String> warnings,
        SettingPlaces places) {

    /** Returns the names of all registries: those of {@code mirror.plan} in its order, then the others in alphabetical order. */
    public List<String> order() {
        Set<String> order = new LinkedHashSet<>(plan);
        order.addAll(registries.keySet());
        return List.copyOf(order);
    }

    /** Returns whether a registry has the URL that it has without any setting. */
    public boolean isDefaultUrl(String registry) {
        URI url = registries.get(registry).url();
        return url != null && url.toString().equals(SettingsSource.carried().get("mirror.registry." + registry + ".url"));
    }

    /**
     * @param port where clients connect
     * @param workers how many requests are worked on at a time
     * @param requests how many requests there may be at a time, those included that wait
     * @param queueTime how long a request may wait for a worker, or for its turn at a registry
     * @param answerTime how long it may take from the arrival of a request to the head of its response
     * @param callsPerRegistry how many of them may call one registry at a time
     * @param idleTimeout how long a connection may be idle
     * @param headTimeout how long a request head may take from its first byte to its last
     * @param maxRequestLine the longest request line, in bytes
     * @param maxHeaders the longest headers together, in bytes
     * @param maxHeaderLines how many header lines a request may have
     * @param maxConnections how many connections clients may have; 0 for as many as open files and the heap allow
     * @param maxPipelined how many requests of one connection may wait for their answers
     * @param shutdownTimeout how long running requests may take to end when the mirror stops
     * @param tls with what clients are served TLS; null for plain http
     * @param trustedProxies which proxies are believed when they say whom they ask for
     */
    public record ServerSettings(int port, int workers, int requests, Duration queueTime, Duration answerTime, int callsPerRegistry, Duration idleTimeout,
            Duration headTimeout, int maxRequestLine, int maxHeaders, int maxHeaderLines, int maxConnections, int maxPipelined, Duration shutdownTimeout, TlsSettings tls, Networks trustedProxies) {
    }

    /**
     * @param failureRate the share of calls, in percent, that have to be trouble
     * @param calls how many calls back that is counted
     * @param minimumCalls how many calls there have to be
     * @param probeInterval how often a registry that is not asked is probed
     * @param trialCalls with how many calls it is tried once a probe found it up
     */
    public record BreakerSettings(int failureRate, int calls, int minimumCalls, Duration probeInterval, int trialCalls) {
    }

    /**
     * Zero switches each off.
     *
     * @param size how many bytes of manifests are kept
     * @param tagTtl how long a tag's manifest is served unasked
     * @param missTtl how long it is believed that nobody has something
     * @param blobTtl how long it is believed that a registry has a blob
     * @param staleIfError how long past its time a tag may be served when a registry is in trouble
     */
    public record CacheSettings(long size, Duration tagTtl, Duration missTtl, Duration blobTtl, Duration staleIfError) {
    }

    /**
     * @param calls how many blobs of one manifest are asked for at a time; 0 for none
     * @param minLatency the least average time to a registry's first byte at which its blobs are asked for ahead
     */
    public record LookaheadSettings(int calls, Duration minLatency) {
    }

    /**
     * @param reload whether changed files change over while the mirror runs
     * @param interval how often the folder is looked into
     */
    public record RouteSettings(boolean reload, Duration interval) {
    }

    /**
     * @param level error, warn, info, debug or trace
     * @param format json or console
     */
    public record LoggingSettings(String level, String format) {
    }
}
