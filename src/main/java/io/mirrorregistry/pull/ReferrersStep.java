package io.mirrorregistry.pull;

import io.mirrorregistry.protocol.ApiPath;
import io.mirrorregistry.protocol.ApiRequest;
import io.mirrorregistry.protocol.Digest;
import io.mirrorregistry.protocol.MediaTypes;
import io.mirrorregistry.protocol.Reference;
import io.mirrorregistry.protocol.Tag;
import io.mirrorregistry.registry.Call;
import io.mirrorregistry.registry.NotHereException;
import io.mirrorregistry.registry.Registry;
import io.mirrorregistry.registry.RegistryTroubleException;
import io.mirrorregistry.registry.Step;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.util.ArrayList;
import java.util.List;
import org.apache.camel.Exchange;

/**
 * The step {@code referrers} of routes.
 *
 * @see <a href="https://github.com/opencontainers/distribution-spec/blob/v1.1.0/spec.md#listing-referrers">Listing referrers</a>
 */
public final class ReferrersStep extends ListStep {

    private static final String MANIFESTS = "manifests";
    private static final String DIGEST = "digest";

    /** The variable that tells whether some entries are referrers only if they are no parts of the subject. */
    private static final String DOUBT = "doubt";

    @Override
    String accept() {
        return MediaTypes.OCI_INDEX;
    }

    /** Prepares the call for the list that clients keep at a registry without the referrers API. */
    @Step(needs = "target", sets = "call")
    public void prepareTag(Exchange exchange) {
        manifest(exchange, Tag.ofReferrers(subject(exchange)));
    }

    /** Prepares the call for the manifest that the referrers would refer to. */
    @Step(needs = "target", sets = "call")
    public void prepareSubject(Exchange exchange) {
        manifest(exchange, subject(exchange));
    }

    private static void manifest(Exchange exchange, Reference reference) {
        Pull.of(exchange).call(Call.get(ApiPath.manifest(Pull.of(exchange).pathThere().repository(), reference), MediaTypes.ANY_MANIFEST));
    }

    private static Digest subject(Exchange exchange) {
        return (Digest) Pull.of(exchange).request().path().reference();
    }

    /** Whatever a registry without this API says to such a path is no list. Only what calls itself an index has to be readable. */
    @Override
    void add(Exchange exchange, byte[] page) throws NotHereException, RegistryTroubleException {
        JsonObject object = object(page);
        String type = exchange.getMessage().getHeader(Exchange.CONTENT_TYPE, "", String.class);
        if (object == null && type.startsWith(MediaTypes.OCI_INDEX)) {
            throw Pull.of(exchange).trouble("with what is no JSON object");
        }
        Object list = object == null ? null : object.getValue(MANIFESTS);
        if (object == null || !object.containsKey(MANIFESTS) || list != null && !(list instanceof JsonArray)) {
            throw new NotHereException(Pull.of(exchange).registry().name(), Pull.of(exchange).call() + " was answered without a list of referrers");
        }
        for (JsonObject descriptor : descriptors(object)) {
            entries(exchange).putIfAbsent(descriptor.getString(DIGEST), descriptor);
        }
    }

    /** Returns the entries of an index that have a digest. */
    private static List<JsonObject> descriptors(JsonObject index) {
        List<JsonObject> descriptors = new ArrayList<>();
        for (Object entry : index.getValue(MANIFESTS) instanceof JsonArray list ? list : new JsonArray()) {
            if (entry instanceof JsonObject descriptor && descriptor.getValue(DIGEST) instanceof String digest && Digest.isValid(digest)) {
                descriptors.add(descriptor);
            }
        }
        return descriptors;
    }

    /**
     * Adds the list that the registry has under the tag. There is none if the tag means the subject, as at registries that resolve
     * {@code sha256-<hex>} like the digest, or anything but an index. By the specification clients copy the artifact type of each referrer
     * into its entry. An entry without it may be a part of the subject: that is certain where it has a platform, and otherwise the variable
     * {@code doubt} is true and the step {@code settle} is needed.
     *
     * @throws RegistryTroubleException when the response is no manifest
     */
    @Step(needs = {"call", "response"}, sets = {"list", "doubt", "more"})
    public void gatherTag(Exchange exchange) throws RegistryTroubleException {
        Gathered gathered = gathered(exchange);
        gathered.doubtful.clear();
        byte[] body = manifest(exchange);
        boolean isSubject = subject(exchange).matches(body)
                || subject(exchange).value().equals(exchange.getMessage().getHeader(ManifestStep.DIGEST, String.class));
        for (JsonObject descriptor : isSubject ? List.<JsonObject>of() : index(exchange, body)) {
            if (descriptor.getValue("artifactType") instanceof String) {
                entries(exchange).putIfAbsent(descriptor.getString(DIGEST), descriptor);
            } else if (!descriptor.containsKey("platform")) {
                gathered.doubtful.put(descriptor.getString(DIGEST), descriptor);
            }
        }
        gathered.last = Pull.of(exchange).registry().name();
        exchange.setVariable(DOUBT, !gathered.doubtful.isEmpty());
        if (gathered.doubtful.isEmpty()) {
            end(exchange);
        }
    }

    /**
     * Adds the doubtful entries that are no parts of the subject, which the registry has just answered with.
     *
     * @throws RegistryTroubleException when the response is not the subject
     */
    @Step(needs = {"call", "response", "doubt"}, sets = {"list", "more"})
    public void settle(Exchange exchange) throws RegistryTroubleException {
        byte[] body = manifest(exchange);
        if (!subject(exchange).matches(body)) {
            throw Pull.of(exchange).trouble("with bytes of another digest");
        }
        for (JsonObject part : index(exchange, body)) {
            gathered(exchange).doubtful.remove(part.getString(DIGEST));
        }
        believe(exchange);
    }

    /** Adds the doubtful entries: the registry has not got the subject. */
    @Step(needs = "doubt", sets = {"list", "more"})
    public void believe(Exchange exchange) {
        gathered(exchange).doubtful.forEach(entries(exchange)::putIfAbsent);
        end(exchange);
    }

    private static byte[] manifest(Exchange exchange) throws RegistryTroubleException {
        if (Registry.status(exchange) != 200) {
            throw Pull.of(exchange).trouble("with " + Registry.status(exchange) + " instead of a manifest");
        }
        return ManifestStep.body(exchange);
    }

    /** Returns the entries of an index; none of a manifest of another kind. */
    private static List<JsonObject> index(Exchange exchange, byte[] body) throws RegistryTroubleException {
        ManifestFields fields = ManifestFields.read(body);
        if (fields == null) {
            throw Pull.of(exchange).trouble("with what is no manifest");
        }
        JsonObject index = fields.type() != null && MediaTypes.isIndex(fields.type()) ? object(body) : null;
        return index == null ? List.of() : descriptors(index);
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
                .put(MANIFESTS, manifests));
        if (request.artifactType() != null) {
            exchange.getMessage().setHeader("OCI-Filters-Applied", "artifactType");
        }
    }
}
