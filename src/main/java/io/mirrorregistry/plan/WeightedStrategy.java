package io.mirrorregistry.plan;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The strategy {@code weighted}: each registry is asked first for its share of the repositories, such as {@code hot=90, cold=10}. A hash of the
 * repository's name chooses, so that all parts of an image, and all mirrors with the same settings, use the same registry. The other planned
 * registries follow.
 */
public final class WeightedStrategy implements Strategy {

    private static final String SHARES = "shares";
    private static final int MOST = 10_000;
    /** FNV-1a, 64 bits. */
    private static final long OFFSET_BASIS = 0xcbf29ce484222325L;
    private static final long PRIME = 0x100000001b3L;

    /** In the order of the setting. Written once, before the first request. */
    private volatile Map<String, Integer> shares = Map.of();

    @Override
    public String name() {
        return "weighted";
    }

    /** Reads the setting {@code shares}; an empty one means no shares, so that the registries are asked as planned. */
    @Override
    public void configure(Map<String, String> settings, List<String> registries) {
        String text = settings.getOrDefault(SHARES, "");
        Map<String, Integer> read = new LinkedHashMap<>();
        for (String part : text.isBlank() ? new String[0] : text.split(",", -1)) {
            int equals = part.indexOf('=');
            String registry = equals < 0 ? "" : part.substring(0, equals).strip();
            String share = part.substring(equals + 1).strip();
            if (registry.isEmpty() || !share.matches("[0-9]{1,5}") || Integer.parseInt(share) > MOST) {
                throw refused("a share is REGISTRY=NUMBER with a whole number from 0 to " + MOST + ", such as hot=90; "
                        + (part.isBlank() ? "one is empty" : part.strip() + " is none"));
            }
            if (!registries.contains(registry)) {
                throw refused("there is no registry " + registry + ", only " + String.join(", ", registries));
            }
            if (read.put(registry, Integer.parseInt(share)) != null) {
                throw refused(registry + " is there twice");
            }
        }
        if (!read.isEmpty() && read.values().stream().allMatch(share -> share == 0)) {
            throw refused("at least one share has to be above 0");
        }
        shares = read;
    }

    private static IllegalArgumentException refused(String why) {
        return new IllegalArgumentException(SHARES + ": " + why);
    }

    @Override
    public List<String> order(PlanRequest request, Registries registries) {
        List<String> planned = registries.planned();
        String first = choose(request, registries);
        if (first == null) {
            return planned;
        }
        List<String> order = new ArrayList<>(planned.size() + 1);
        order.add(first);
        for (String registry : planned) {
            if (!registry.equals(first)) {
                order.add(registry);
            }
        }
        return order;
    }

    /** Returns the registry that is asked first; null where no registry that may be asked has a share. */
    private String choose(PlanRequest request, Registries registries) {
        int sum = 0;
        for (Map.Entry<String, Integer> share : shares.entrySet()) {
            sum += registries.mayAsk(share.getKey()) ? share.getValue() : 0;
        }
        // The place in the whole rather than a remainder: a changed share moves as few repositories as possible.
        double place = fraction(request) * sum;
        for (Map.Entry<String, Integer> share : shares.entrySet()) {
            if (registries.mayAsk(share.getKey())) {
                place -= share.getValue();
                if (place < 0) {
                    return share.getKey();
                }
            }
        }
        return null;
    }

    /** Returns a number from 0 to below 1 that depends on the repository's name alone, the same in each process. */
    private static double fraction(PlanRequest request) {
        long hash = OFFSET_BASIS;
        for (byte character : (request.namespace() + "/" + request.repository()).getBytes(StandardCharsets.UTF_8)) {
            hash = (hash ^ (character & 0xff)) * PRIME;
        }
        // The last step of MurmurHash3: without it similar names have similar upper bits.
        hash = (hash ^ hash >>> 33) * 0xff51afd7ed558ccdL;
        hash = (hash ^ hash >>> 33) * 0xc4ceb9fe1a85ec53L;
        hash ^= hash >>> 33;
        return (hash >>> 11) * 0x1.0p-53;
    }
}
