package io.mirrorregistry.pull;

import io.mirrorregistry.protocol.ApiRequest;
import io.mirrorregistry.protocol.MediaTypes;
import io.mirrorregistry.protocol.Tag;
import io.mirrorregistry.registry.NotHereException;
import io.mirrorregistry.registry.RegistryTroubleException;
import io.mirrorregistry.registry.Step;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.util.List;
import java.util.TreeSet;
import org.apache.camel.Exchange;

/**
 * The step {@code tags} of routes. Whole lists are fetched, since registries differ in how they sort: a part of the union
 * cannot be made of parts.
 *
 * @see <a href="https://github.com/opencontainers/distribution-spec/blob/v1.1.0/spec.md#listing-tags">Listing tags</a>
 */
public final class TagsStep extends ListStep {

    @Override
    void add(Exchange exchange, byte[] page) throws RegistryTroubleException {
        JsonObject object = object(page);
        Object list = object == null ? null : object.getValue("tags");
        if (object == null || !object.containsKey("tags") || list != null && !(list instanceof JsonArray)) {
            throw Pull.of(exchange).trouble("with what is no list of tags");
        }
        for (Object tag : list == null ? new JsonArray() : (JsonArray) list) {
            if (tag instanceof String text && Tag.isValid(text)) {
                entries(exchange).putIfAbsent(text, text);
            }
        }
    }

    /**
     * Answers with the part of the union that the client wants.
     *
     * @throws NotHereException when no registry has the repository
     * @throws RegistryTroubleException when no registry gave a list
     */
    @Step(needs = {"list", "failures"}, sets = "answer")
    public void answer(Exchange exchange) throws NotHereException, RegistryTroubleException {
        requireAnswer(exchange);
        ApiRequest request = Pull.of(exchange).request();
        TreeSet<String> all = new TreeSet<>(entries(exchange).keySet());
        String last = request.page().last();
        List<String> wanted = List.copyOf(last == null || last.isEmpty() ? all : all.tailSet(last, false));
        int limit = request.page().limit();
        String link = null;
        if (limit >= 0 && wanted.size() > limit) {
            wanted = wanted.subList(0, limit);
            if (limit > 0) {
                Pull pull = Pull.of(exchange);
                link = "<" + request.path() + "?n=" + limit + "&last=" + wanted.get(limit - 1)
                        + (pull.givenNamespace() == null ? "" : "&ns=" + pull.givenNamespace()) + ">; rel=\"next\"";
            }
        }
        reply(exchange, MediaTypes.JSON, new JsonObject()
                .put("name", request.path().repository().value())
                .put("tags", new JsonArray(wanted)));
        if (link != null) {
            exchange.getMessage().setHeader("Link", link);
        }
    }
}
