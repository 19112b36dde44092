package io.mirrorregistry.warm.list;

import java.util.List;

/**
 * The images of {@code mirror.warm.file}.
 *
 * @param entries in the order of the file; no two have the same {@link Entry#id}
 */
public record WarmList(List<Entry> entries) {

    public WarmList {
        entries = List.copyOf(entries);
    }
}
