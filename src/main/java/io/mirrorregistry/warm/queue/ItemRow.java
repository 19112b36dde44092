package io.mirrorregistry.warm.queue;

import io.mirrorregistry.plan.Plan;
import io.mirrorregistry.protocol.Digest;
import io.mirrorregistry.protocol.Reference;
import io.mirrorregistry.protocol.RepositoryName;
import io.mirrorregistry.protocol.Tag;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Instant;
import java.util.List;
import java.util.stream.Collectors;

/**
 * A row of the table of items.
 *
 * @param copyAgain whether the item, which is running, waits again when it is finished, because a request with other platforms, or that of a person, was
 *     added meanwhile
 */
record ItemRow(Item item, boolean copyAgain) {

    /** Reads the row. */
    static ItemRow of(ResultSet row) throws SQLException {
        String reference = row.getString("reference");
        CopyRequest request = new CopyRequest(target(row.getString("registry"), row.getString("repository")), reference(reference),
                Texts.lines(row.getString("tags")).stream().map(Tag::new).collect(Collectors.toSet()), row.getString("image"),
                Texts.lines(row.getString("sources")).stream().map(ItemRow::source).toList(), Texts.lines(row.getString("platforms")), origin(row.getInt("priority")));
        State state = State.of(row.getString("state"));
        String digest = row.getString("digest");
        Item item = new Item(row.getLong("id"), request, state, digest != null ? new Digest(digest) : request.reference() instanceof Digest own ? own : null,
                row.getInt("attempts"), state == State.WAITING ? time(row, "due") : null, row.getString("owner"), row.getLong("bytes_done"), row.getLong("bytes_total"),
                row.getString("reason"), row.getString("message"), time(row, "created"), time(row, "started"), time(row, "finished"));
        return new ItemRow(item, row.getBoolean("copy_again"));
    }

    private static Reference reference(String value) {
        return value.indexOf(':') >= 0 ? new Digest(value) : new Tag(value);
    }

    private static Instant time(ResultSet row, String column) throws SQLException {
        long millis = row.getLong(column);
        return row.wasNull() ? null : Instant.ofEpochMilli(millis);
    }

    /** Returns 0 for the most urgent origin. */
    static int priority(Origin origin) {
        return Origin.values().length - 1 - origin.ordinal();
    }

    private static Origin origin(int priority) {
        return Origin.values()[Origin.values().length - 1 - priority];
    }

    static String tags(CopyRequest request) {
        return Texts.lines(request.tags().stream().map(Tag::value).sorted().toList());
    }

    /** Returns registry and repository of each source, with a blank between them, which neither has. */
    static String sources(CopyRequest request) {
        return Texts.lines(request.sources().stream().filter(source -> source.name() != null).map(source -> source.registry() + " " + source.name().value()).toList());
    }

    private static Plan.Target source(String line) {
        int blank = line.indexOf(' ');
        return target(line.substring(0, blank), line.substring(blank + 1));
    }

    private static Plan.Target target(String registry, String repository) {
        return new Plan.Target(registry, new RepositoryName(repository));
    }

    /** Returns the names of the sources, each {@link #between} commas. */
    static String sourceRegistries(CopyRequest request) {
        List<String> names = request.sources().stream().filter(source -> source.name() != null).map(Plan.Target::registry).distinct().toList();
        return names.stream().map(ItemRow::between).collect(Collectors.joining());
    }

    /** Returns the name of a registry between commas: names contain no commas, so that no name is found inside another name. */
    static String between(String registry) {
        return "," + registry + ",";
    }
}
