package io.mirrorregistry.pull;

import io.mirrorregistry.protocol.ApiPath;
import io.mirrorregistry.protocol.ApiRequest;
import io.mirrorregistry.protocol.Digest;
import io.mirrorregistry.protocol.MediaTypes;
import io.mirrorregistry.protocol.Tag;
import io.mirrorregistry.registry.NotHereException;
import io.mirrorregistry.registry.RegistryTroubleException;
import io.mirrorregistry.registry.Step;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.util.Map;
import org.apache.camel.Exchange;

/**
 * The step {@code referrers} of routes.
 *
 * @see <a href="https://github.com/opencontainers/distribution-spec/blob/v1.1.0/spec.md#listing-referrers">Listing referrers</a>
 */
public final class ReferrersStep extends ListStep {

    public ReferrersStep() {
        super("manifests");
    }

    @Override
    String accept() {
        return MediaTypes.OCI_INDEX;
    }

    /** Prepares the call for what clients write where a registry has no referrers API: the tag {@code sha256-<hex>}. */
    @Step(needs = "target", sets = {"call", "list", "more", "page"})
    public void prepareTag(Exchange exchange) {
        ApiPath asked = Pull.of(exchange).pathThere();
        Digest subject = (Digest) asked.reference();
        String tag = subject.algorithm() + "-" + subject.hex();
        // A sha512 makes too long a tag; by the specification it is cut.
        String cut = tag.length() > 128 ? tag.substring(0, 128) : tag;
        next(exchange, ApiPath.manifest(asked.repository(), new Tag(cut)), null);
    }

    @Override
    void add(JsonArray page, Map<String, Object> entries) {
        for (Object entry : page) {
            if (entry instanceof JsonObject descriptor && descriptor.getValue("digest") instanceof String digest
                    && Digest.isValid(digest)) {
                entries.putIfAbsent(digest, descriptor);
            }
        }
    }

    /**
     * Answers with the union; it is filtered here, since not every registry can.
     *
     * @throws RegistryTroubleException when a registry is in trouble and no other gave a list
     */
    @Step(needs = {"list", "failures"}, sets = "answer")
    public void answer(Exchange exchange) throws NotHereException, RegistryTroubleException {
        if (!Pull.of(exchange).troubles().isEmpty()) {
            requireAnswer(exchange);
        }
        ApiRequest request = Pull.of(exchange).request();
        JsonArray manifests = new JsonArray();
        for (Object entry : entries(exchange).values()) {
            JsonObject descriptor = (JsonObject) entry;
            if (request.artifactType() == null || request.artifactType().equals(descriptor.getValue("artifactType"))) {
                manifests.add(descriptor);
            }
        }
        reply(exchange, MediaTypes.OCI_INDEX, new JsonObject()
                .put("schemaVersion", 2)
                .put("mediaType", MediaTypes.OCI_INDEX)
                .put("manifests", manifests));
        if (request.artifactType() != null) {
            exchange.getMessage().setHeader("OCI-Filters-Applied", "artifactType");
        }
    }
}
