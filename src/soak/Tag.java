package soak;

import java.util.Map;

/** What a tag means, at each registry that has it. */
record Tag(String repository, String name, Map<Registry, Item> items) {
}
