package io.mirrorregistry.explain;

import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.util.ArrayList;
import java.util.List;

/** Writes an explanation as a table for people. */
final class ExplanationTable {

    private static final int LONGEST_ACCEPT = 60;

    private static final int LABEL = 10;
    private static final int DIGEST = "sha256:".length() + 12;
    private static final List<String> HEAD = List.of("REGISTRY", "NAME THERE", "ASKED", "RESPONDS NOW");

    private ExplanationTable() {
    }

    /** Returns lines that end with a line feed. Control characters are question marks. */
    static String of(JsonObject explanation) {
        List<String> lines = new ArrayList<>();
        JsonObject request = explanation.getJsonObject("request");
        String namespace = request.getString("namespace");
        lines.add(labelled("image", (namespace.isEmpty() ? "" : namespace + ": ") + request.getString("repository")
                + (request.getString("reference").indexOf(':') < 0 ? ":" : "@") + request.getString("reference")));
        lines.add(labelled("request", "GET " + request.getString("path") + (request.getString("client").isEmpty() ? "" : ", client " + request.getString("client"))));
        request.getJsonArray("notes").forEach(note -> lines.add(labelled("note", String.valueOf(note))));
        lines.add("");
        JsonArray registries = explanation.getJsonArray("registries");
        if (registries.isEmpty()) {
            lines.add(labelled("plan", explanation.getJsonObject("plan").getString("failure") == null ? "no registry" : "none: it failed"));
        } else {
            addRows(registries, lines);
        }
        lines.add("");
        lines.add(labelled("memory", memory(explanation.getJsonObject("memory"))));
        lines.add(labelled("client", "gets " + explanation.getJsonObject("client").getString("why")));
        StringBuilder text = new StringBuilder();
        lines.forEach(line -> text.append(line.replaceAll("\\p{Cntrl}", "?").stripTrailing()).append('\n'));
        return text.toString();
    }

    private static String labelled(String label, String text) {
        return label + " ".repeat(LABEL - label.length()) + text;
    }

    private static void addRows(JsonArray registries, List<String> lines) {
        List<List<String>> rows = new ArrayList<>(List.of(HEAD));
        for (int i = 0; i < registries.size(); i++) {
            JsonObject registry = registries.getJsonObject(i);
            rows.add(List.of(registry.getString("name"), registry.getString("repository", "none"), asked(registry), response(registry)));
        }
        for (List<String> row : rows) {
            StringBuilder line = new StringBuilder();
            for (int column = 0; column < row.size(); column++) {
                int at = column;
                int width = rows.stream().mapToInt(other -> other.get(at).length()).max().orElse(0);
                line.append(row.get(column)).append(" ".repeat(width - row.get(column).length() + 2));
            }
            lines.add(line.toString());
        }
    }

    private static String asked(JsonObject registry) {
        String reason = registry.getString("notAskedBecause");
        return reason != null ? "no: " + reason : "half-open".equals(registry.getString("breaker")) ? "yes, on trial"
                : registry.getBoolean("slow", false) ? "yes, last: it is slow" : "yes";
    }

    private static String response(JsonObject registry) {
        if (registry.getString("repository") == null) {
            return "";
        }
        Integer status = registry.getInteger("status");
        String digest = registry.getString("digest");
        String failure = registry.getString("failure");
        boolean told = failure == null || failure.equals("answered " + status);
        return (status == null ? "" : status + " ") + (digest == null ? "" : shortened(digest) + " ") + (told ? "" : (status == null ? "" : "but ") + failure + " ")
                + "(" + registry.getLong("milliseconds") + " ms)";
    }

    private static String memory(JsonObject memory) {
        String digest = memory.getString("digest") == null ? "" : ": " + shortAccept(memory.getString("digest")) + " from " + memory.getString("registry");
        return switch (memory.getString("state")) {
            case "fresh" -> "fresh" + (memory.getDouble("leftSeconds") == null ? "" : " for " + seconds(memory, "leftSeconds")) + digest;
            case "stale" -> "stale, told " + seconds(memory, "ageSeconds") + " ago; served for " + seconds(memory, "leftSeconds") + " if a registry is in trouble" + digest;
            case "miss" -> "a miss for " + seconds(memory, "leftSeconds");
            default -> "nothing";
        } + (memory.getString("accept") == null ? "" : " (for clients with Accept: " + shortAccept(memory.getString("accept")) + ")");
    }

    private static String seconds(JsonObject memory, String name) {
        return (long) Math.ceil(memory.getDouble(name)) + " s";
    }

    private static String shortened(String digest) {
        return digest.length() <= DIGEST ? digest : digest.substring(0, DIGEST) + "…";
    }

    /** Clients send up to a dozen media types, which is more than a line has room for. */
    private static String shortAccept(String accept) {
        return accept.length() <= LONGEST_ACCEPT ? accept : accept.substring(0, LONGEST_ACCEPT) + "…";
    }
}
