package io.mirrorregistry.registry.folder;

import io.mirrorregistry.protocol.ApiPath;
import io.mirrorregistry.protocol.Digest;
import io.mirrorregistry.protocol.MediaTypes;
import io.mirrorregistry.protocol.RepositoryName;
import io.mirrorregistry.registry.Call;
import io.mirrorregistry.registry.CallContext;
import io.mirrorregistry.registry.RegistryTroubleException;
import io.mirrorregistry.registry.Step;
import io.mirrorregistry.registry.StoredBlob;
import io.mirrorregistry.work.MemoryBudget;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.util.List;
import java.util.Optional;
import org.apache.camel.Exchange;
import org.apache.camel.Message;

/** The step {@code folder} of routes: answers calls from the image layout as a registry would over HTTP. */
public final class FolderRegistry {

    private final ImageLayout layout;

    public FolderRegistry(ImageLayout layout) {
        this.layout = layout;
    }

    /**
     * Answers the {@link Call} that the exchange carries.
     *
     * @throws RegistryTroubleException when the folder cannot be read, or a list is longer than there is memory for
     */
    @Step(needs = "call", sets = "response")
    public void answer(Exchange exchange) throws RegistryTroubleException {
        Call call = CallContext.of(exchange).call();
        Message message = exchange.getMessage();
        message.removeHeaders("*");
        message.setBody(null);
        try {
            ApiPath path = call.path();
            RepositoryName repository = path.repository();
            switch (path.kind()) {
                case MANIFEST -> manifest(message, call, layout.manifest(repository, path.reference()));
                case BLOB -> blob(message, call, layout.blob(repository, (Digest) path.reference()));
                case TAGS -> tags(exchange, repository);
                case REFERRERS -> referrers(exchange, repository, (Digest) path.reference());
                default -> status(message, 404);
            }
        } catch (ImageLayoutException e) {
            throw new RegistryTroubleException(CallContext.of(exchange).registry().name(), e.getMessage());
        }
    }

    private static void manifest(Message message, Call call, Optional<StoredManifest> found) {
        if (found.isEmpty()) {
            status(message, 404);
            return;
        }
        StoredManifest manifest = found.get();
        status(message, 200);
        message.setHeader(Exchange.CONTENT_TYPE, manifest.mediaType());
        message.setHeader(Exchange.CONTENT_LENGTH, String.valueOf(manifest.content().length));
        message.setHeader("Docker-Content-Digest", manifest.digest().value());
        message.setBody(call.head() ? null : manifest.content());
    }

    private static void blob(Message message, Call call, Optional<StoredBlob> found) {
        if (found.isEmpty()) {
            status(message, 404);
            return;
        }
        status(message, 200);
        message.setHeader(Exchange.CONTENT_LENGTH, String.valueOf(found.get().size()));
        message.setBody(call.head() ? null : found.get());
    }

    private void tags(Exchange exchange, RepositoryName repository) throws ImageLayoutException, RegistryTroubleException {
        Message message = exchange.getMessage();
        takeMemory(exchange, layout.tagsBytes(repository));
        List<String> tags = layout.tags(repository);
        if (tags.isEmpty() && !layout.hasRepository(repository)) {
            status(message, 404);
            return;
        }
        json(message, MediaTypes.JSON, new JsonObject().put("name", repository.value()).put("tags", new JsonArray(tags)));
    }

    private void referrers(Exchange exchange, RepositoryName repository, Digest subject) throws ImageLayoutException, RegistryTroubleException {
        takeMemory(exchange, layout.referrersBytes(repository, subject));
        json(exchange.getMessage(), MediaTypes.OCI_INDEX, new JsonObject()
                .put("schemaVersion", 2)
                .put("mediaType", MediaTypes.OCI_INDEX)
                .put("manifests", new JsonArray(layout.referrers(repository, subject))));
    }

    /** Many clients may ask for a long list at once. The list of a registry that is called takes its memory where it is read. */
    private static void takeMemory(Exchange exchange, int bytes) throws RegistryTroubleException {
        MemoryBudget.Share share = CallContext.of(exchange).share();
        if (share != null && !share.takeForBuiltList(bytes)) {
            throw new RegistryTroubleException(CallContext.of(exchange).registry().name(), CallContext.of(exchange).call() + " was not answered: other answers have the memory",
                    RegistryTroubleException.Kind.REFUSED, null);
        }
    }

    private static void json(Message message, String contentType, JsonObject body) {
        status(message, 200);
        message.setHeader(Exchange.CONTENT_TYPE, contentType);
        message.setBody(body.toBuffer().getBytes());
    }

    private static void status(Message message, int status) {
        message.setHeader(Exchange.HTTP_RESPONSE_CODE, status);
    }
}
