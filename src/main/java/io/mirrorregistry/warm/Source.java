package io.mirrorregistry.warm;

import io.mirrorregistry.plan.Plan;
import io.mirrorregistry.protocol.ApiPath;
import io.mirrorregistry.protocol.ApiRequest;
import io.mirrorregistry.protocol.ByteRange;
import io.mirrorregistry.protocol.Digest;
import io.mirrorregistry.protocol.MediaTypes;
import io.mirrorregistry.protocol.Reference;
import io.mirrorregistry.protocol.Tag;
import io.mirrorregistry.pull.KeptManifest;
import io.mirrorregistry.pull.ManifestStep;
import io.mirrorregistry.pull.OutsideCall;
import io.mirrorregistry.pull.Pull;
import io.mirrorregistry.pull.ReferrersStep;
import io.mirrorregistry.pull.TagPages;
import io.mirrorregistry.registry.Call;
import io.mirrorregistry.registry.NotHereException;
import io.mirrorregistry.registry.Registry;
import io.mirrorregistry.registry.RegistryAnswers;
import io.mirrorregistry.registry.RegistryTroubleException;
import io.mirrorregistry.registry.StoredBlob;
import io.mirrorregistry.reload.Generation;
import io.mirrorregistry.reload.LiveRoutes;
import io.mirrorregistry.work.MemoryBudget;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import org.apache.camel.Exchange;
import org.apache.camel.support.DefaultExchange;
import org.apache.hc.core5.http.ClassicHttpResponse;

/** One repository of a registry from which images are copied. The steps of routes read it, outside of routes. Thread-safe; each method blocks. */
final class Source {

    private static final int PARTIAL_CONTENT = 206;

    private final Registry registry;
    private final Plan.Target target;
    private final OutsideCall calls;
    private final LiveRoutes live;
    private final ManifestStep manifest = new ManifestStep();
    private final ReferrersStep referrers = new ReferrersStep();

    /** Steps of routes that prepare a call, make it and read the response. */
    private interface Steps<T> {

        T run(Exchange exchange) throws NotHereException, RegistryTroubleException;
    }

    /** @param target the registry's name, and the repository there */
    Source(Registry registry, Plan.Target target, OutsideCall calls, LiveRoutes live) {
        this.registry = registry;
        this.target = target;
        this.calls = calls;
        this.live = live;
    }

    Registry registry() {
        return registry;
    }

    private <T> T run(ApiPath path, boolean head, Steps<T> steps) throws NotHereException, RegistryTroubleException {
        return run(path, head, null, steps);
    }

    /** @param share the memory that responses may take; null for no bound */
    private <T> T run(ApiPath path, boolean head, MemoryBudget.Share share, Steps<T> steps) throws NotHereException, RegistryTroubleException {
        Generation generation = live.enter();
        try (Pull pull = new Pull(new ApiRequest(head, path, MediaTypes.ANY_MANIFEST, null, ApiRequest.Page.ALL, null), share)) {
            Exchange exchange = new DefaultExchange(generation.camel());
            pull.on(exchange);
            pull.target(target);
            pull.registry(registry);
            return steps.run(exchange);
        } finally {
            generation.leave();
        }
    }

    /** Returns a manifest with its bytes. Its digest is verified. */
    KeptManifest manifest(Reference reference) throws NotHereException, RegistryTroubleException {
        return run(ApiPath.manifest(target.name(), reference), false, this::manifest);
    }

    private KeptManifest manifest(Exchange exchange) throws NotHereException, RegistryTroubleException {
        manifest.prepare(exchange);
        calls.make(exchange);
        manifest.verify(exchange);
        return KeptManifest.answered(exchange);
    }

    /** Returns the digest that a tag means, by HEAD if the response to it is sufficient. */
    Digest digest(Tag tag) throws NotHereException, RegistryTroubleException {
        return run(ApiPath.manifest(target.name(), tag), true, exchange -> {
            try {
                KeptManifest answered = manifestOfHead(exchange);
                if (answered != null) {
                    return answered.digest();
                }
            } catch (NotHereException e) {
                // Some registries respond 404 to HEAD, and return the manifest to GET.
            }
            manifest.prepareWhole(exchange);
            calls.make(exchange);
            manifest.verify(exchange);
            return KeptManifest.answered(exchange).digest();
        });
    }

    /** Returns the manifest that the response to HEAD describes; null if the response has no digest, media type or length. */
    private KeptManifest manifestOfHead(Exchange exchange) throws NotHereException, RegistryTroubleException {
        manifest.prepare(exchange);
        calls.make(exchange);
        manifest.verify(exchange);
        return exchange.getVariable("whole", Boolean.class) ? KeptManifest.answered(exchange) : null;
    }

    /**
     * Reads all tags of the repository, page by page, in the order of the registry.
     *
     * @param memory bounds the memory of a page, together with the responses to clients
     * @param tags gets each tag, some of them twice; the tags must not be used if this throws
     */
    void tags(MemoryBudget memory, Consumer<String> tags) throws NotHereException, RegistryTroubleException {
        run(new ApiPath(ApiPath.Kind.TAGS, target.name(), null), false, memory.share(), exchange -> {
            new TagPages(calls, exchange, tags).read();
            return null;
        });
    }

    /** Returns a descriptor of each manifest that has the subject; empty for none. If the registry has no referrers API, the list is that of a tag. */
    List<JsonObject> referrers(Digest subject) throws RegistryTroubleException {
        try {
            return run(new ApiPath(ApiPath.Kind.REFERRERS, target.name(), subject), false, exchange -> {
                boolean listed = false;
                try {
                    referrers.prepare(exchange);
                    while (exchange.getVariable("more", Boolean.class)) {
                        calls.make(exchange);
                        referrers.gather(exchange);
                        listed = true;
                    }
                } catch (NotHereException e) {
                    if (listed) {
                        // It stated a next page and does not have it.
                        referrers.torn(exchange);
                    }
                    referrersUnderTag(exchange);
                }
                referrers.answer(exchange);
                List<JsonObject> all = new ArrayList<>();
                array(exchange, "manifests").forEach(entry -> all.add((JsonObject) entry));
                return all;
            });
        } catch (NotHereException e) {
            return List.of();
        }
    }

    private void referrersUnderTag(Exchange exchange) throws NotHereException, RegistryTroubleException {
        referrers.prepareTag(exchange);
        calls.make(exchange);
        referrers.gatherTag(exchange);
        if (Boolean.TRUE.equals(exchange.getVariable("doubt"))) {
            try {
                referrers.prepareSubject(exchange);
                calls.make(exchange);
                referrers.settle(exchange);
            } catch (NotHereException e) {
                referrers.believe(exchange);
            }
        }
    }

    private static JsonArray array(Exchange exchange, String member) {
        Object body = exchange.getMessage().getBody();
        byte[] bytes = body instanceof ByteBuffer buffer ? buffer.array() : (byte[]) body;
        return new JsonObject(new String(bytes, StandardCharsets.UTF_8)).getJsonArray(member);
    }

    /**
     * The bytes of a blob.
     *
     * @param stream is closed by the caller
     * @param before how many bytes the stream has before the offset that was asked for: some registries send the whole blob
     */
    record Bytes(InputStream stream, long before) {
    }

    /**
     * Returns the bytes of a blob from an offset on.
     *
     * @param size how many bytes the blob has
     * @throws RegistryTroubleException also if the registry has a blob of another size
     */
    Bytes blob(Digest digest, long offset, long size) throws NotHereException, RegistryTroubleException {
        ApiPath path = new ApiPath(ApiPath.Kind.BLOB, target.name(), digest);
        String range = offset == 0 ? null : "bytes=" + offset + "-";
        return run(path, false, exchange -> {
            Pull.of(exchange).call(new Call(false, path, null, null, range));
            ClassicHttpResponse response = calls.open(exchange);
            try {
                InputStream stream = response == null ? file(exchange, digest, offset, size) : response.getEntity() == null ? InputStream.nullInputStream()
                        : content(exchange, response, range, offset, size);
                boolean whole = response != null && response.getCode() != PARTIAL_CONTENT;
                return new Bytes(stream, whole ? offset : 0);
            } catch (IOException e) {
                throw e instanceof RegistryTroubleException trouble ? trouble : Pull.of(exchange).trouble("with a body that broke off");
            }
        });
    }

    private static InputStream file(Exchange exchange, Digest digest, long offset, long size) throws IOException {
        if (!(exchange.getMessage().getBody() instanceof StoredBlob stored)) {
            throw Pull.of(exchange).trouble("without a body");
        }
        if (stored.size() != size) {
            throw Pull.of(exchange).trouble("with " + stored.size() + " bytes for " + digest + ", which has " + size);
        }
        InputStream stream = Files.newInputStream(stored.file());
        try {
            stream.skipNBytes(offset);
            return stream;
        } catch (IOException e) {
            stream.close();
            throw e;
        }
    }

    private static InputStream content(Exchange exchange, ClassicHttpResponse response, String range, long offset, long size) throws IOException {
        if (response.getCode() == PARTIAL_CONTENT) {
            String part = RegistryAnswers.value(response, "Content-Range");
            ByteRange.Answered answered = part == null || range == null ? null : ByteRange.answered(part, range);
            if (answered == null || answered.contradicts(size)) {
                response.close();
                throw Pull.of(exchange).trouble("with another part of the blob than asked for");
            }
        }
        long length = RegistryAnswers.contentLength(exchange.getMessage());
        long expected = response.getCode() == PARTIAL_CONTENT ? size - offset : size;
        if (length >= 0 && length != expected) {
            response.close();
            throw Pull.of(exchange).trouble("with " + length + " bytes instead of " + expected);
        }
        // Closing the response alone would leave its connection to the entity.
        return new FilterInputStream(response.getEntity().getContent()) {
            @Override
            public void close() throws IOException {
                super.close();
                response.close();
            }
        };
    }
}
