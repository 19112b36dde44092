package io.mirrorregistry.warm;

import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** Formats the JSON of items and overviews for a terminal. They contain texts of registries, so that a question mark replaces each invisible character. */
final class ItemText {

    private static final double MEGABYTE = 1e6;
    private static final List<String> HEAD = List.of("ID", "STATE", "BYTES", "IMAGE");

    private ItemText() {
    }

    /** Returns a line such as {@code Item 17: running, team/app:1}. */
    static String line(JsonObject item) {
        return "Item " + item.getLong("id") + ": " + item.getString("state") + ", " + plain(item.getString("image"));
    }

    /** Returns why the last attempt failed, or why a part was not copied, as a sentence with its reason; empty for no failure. */
    static String why(JsonObject item) {
        String message = item.getString("message");
        String reason = item.getString("reason");
        return message == null && reason == null ? "" : message == null ? plain(reason) : reason == null ? plain(message) : plain(reason + ": " + message);
    }

    /** Returns how many bytes are copied, such as {@code 12.3 of 236.0 MB}; empty while the size of the image is unknown. */
    static String bytes(JsonObject item) {
        long total = item.getLong("bytesTotal");
        return total <= 0 ? "" : String.format(Locale.ROOT, "%.1f of %.1f MB", item.getLong("bytesDone") / MEGABYTE, total / MEGABYTE);
    }

    /** Returns which part of an item is copied, from 0 to 1; 0 while the size of the image is unknown. */
    static double share(JsonObject item) {
        long total = item.getLong("bytesTotal");
        return total <= 0 ? 0 : Math.min(1, Math.max(0, (double) item.getLong("bytesDone") / total));
    }

    /** Returns a line for each registry that pauses. */
    static List<String> pauses(JsonObject overview) {
        List<String> lines = new ArrayList<>();
        for (int i = 0; i < overview.getJsonArray("pauses").size(); i++) {
            JsonObject pause = overview.getJsonArray("pauses").getJsonObject(i);
            lines.add(plain("Registry " + pause.getString("registry") + " pauses" + (pause.getString("until") == null ? "" : " until " + pause.getString("until")) + ": " + pause.getString("why")));
        }
        return lines;
    }

    /** Returns the lines for {@code --list}: registries that pause, and the items that run, wait or have failed. */
    static List<String> list(JsonObject overview) {
        List<String> lines = new ArrayList<>(pauses(overview));
        List<List<String>> rows = new ArrayList<>(List.of(HEAD));
        addRows(overview.getJsonArray("running"), rows);
        addRows(overview.getJsonArray("waiting"), rows);
        addRows(overview.getJsonArray("failed"), rows);
        if (rows.size() == 1) {
            lines.add("No image is copied now, waits or has failed.");
            return lines;
        }
        int[] widths = new int[HEAD.size() - 1];
        rows.forEach(row -> {
            for (int i = 0; i < widths.length; i++) {
                widths[i] = Math.max(widths[i], row.get(i).length());
            }
        });
        for (List<String> row : rows) {
            StringBuilder line = new StringBuilder();
            for (int i = 0; i < widths.length; i++) {
                line.append(row.get(i)).append(" ".repeat(widths[i] - row.get(i).length() + 2));
            }
            lines.add(line.append(row.get(widths.length)).toString());
        }
        long more = overview.getJsonObject("counts").getLong("waiting") - overview.getJsonArray("waiting").size();
        if (more > 0) {
            lines.add("and " + more + " more that wait");
        }
        return lines;
    }

    private static void addRows(JsonArray items, List<List<String>> rows) {
        for (int i = 0; i < items.size(); i++) {
            JsonObject item = items.getJsonObject(i);
            String why = why(item);
            rows.add(List.of(String.valueOf(item.getLong("id")), item.getString("state"), bytes(item),
                    plain(item.getString("image")) + (why.isEmpty() ? "" : "  (" + why + ")")));
        }
    }

    /** Returns the text in one line, in its whole length, with question marks for characters that are not visible. */
    static String plain(String text) {
        return text.replaceAll("\\s", " ").replaceAll("\\p{C}", "?");
    }
}
