package io.mirrorregistry.reload;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * The place of a route in the files.
 *
 * @param file the file's name
 * @param item the id of the route or of its template; null where it has none
 * @param parameters the values of the template's parameters; empty for a route of a file
 */
record RoutePlace(String file, String item, Map<String, Object> parameters) {

    RoutePlace(String file, String item) {
        this(file, item, Map.of());
    }

    /** Returns the words for which the file is searched: a template holds {@code {{name}}} in the place of the value. */
    List<String> words(Iterable<String> tokens) {
        List<String> all = new ArrayList<>();
        for (String token : tokens) {
            all.add(token);
            parameters.forEach((name, value) -> {
                if (token.contains(value.toString())) {
                    all.add(token.replace(value.toString(), "{{" + name + "}}"));
                }
            });
        }
        return all;
    }
}
