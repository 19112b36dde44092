package io.mirrorregistry.pull;

import io.mirrorregistry.protocol.ApiPath;
import io.mirrorregistry.protocol.Digest;
import io.mirrorregistry.protocol.MediaTypes;
import io.mirrorregistry.protocol.SizeLimits;
import io.mirrorregistry.registry.Call;
import io.mirrorregistry.registry.Registry;
import io.mirrorregistry.registry.RegistryAnswers;
import io.mirrorregistry.registry.RegistryTroubleException;
import io.mirrorregistry.registry.Step;
import java.util.Locale;
import org.apache.camel.Exchange;
import org.apache.camel.Message;

/**
 * The step {@code manifest} of routes.
 *
 * @see <a href="https://github.com/opencontainers/distribution-spec/blob/v1.1.0/spec.md#pulling-manifests">Pulling manifests</a>
 */
public final class ManifestStep {

    static final String DIGEST = "Docker-Content-Digest";
    /** The variable that tells whether the answer is complete. */
    private static final String WHOLE = "whole";

    /** Prepares the call for the manifest that the client asked for; a HEAD where it may be the one that is known already. */
    @Step(needs = "target", sets = "call")
    public void prepare(Exchange exchange) {
        Pull pull = Pull.of(exchange);
        pull.call(new Call(pull.head() || pull.toBeConfirmed() != null, pull.pathThere(), null, accept(pull.request().accept()), null));
    }

    /** Registries take a client that accepts anything, such as curl, for one that knows no OCI manifests. */
    private static String accept(String wish) {
        if (wish == null) {
            return MediaTypes.ANY_MANIFEST;
        }
        return wish.equals("*/*") ? MediaTypes.ANY_MANIFEST + ", */*" : wish;
    }

    /** Prepares the call for the manifest itself, where a HEAD did not tell enough. */
    @Step(needs = "call", sets = "call")
    public void prepareWhole(Exchange exchange) {
        Pull pull = Pull.of(exchange);
        pull.call(Call.get(pull.call().path(), pull.call().accept()));
    }

    /**
     * Makes the registry's answer the client's, once it has proved to be the manifest that was asked for, and sets the variable
     * {@code whole} to true; to false where it was the answer to a HEAD and more is needed.
     *
     * @throws RegistryTroubleException when it is cut, too large, no manifest, or has another digest than asked for
     */
    @Step(needs = {"call", "response"}, sets = {"whole", "answer"})
    public void verify(Exchange exchange) throws RegistryTroubleException {
        Message message = exchange.getMessage();
        if (Registry.status(exchange) != 200) {
            throw Pull.of(exchange).trouble("with " + Registry.status(exchange) + " instead of a manifest");
        }
        Answer answer = new Answer(manifestType(message.getHeader("Content-Type", String.class)), message.getHeader(DIGEST, String.class));
        KeptManifest manifest = Pull.of(exchange).call().head() ? told(exchange, answer) : read(exchange, answer);
        exchange.setVariable(WHOLE, manifest != null);
        if (manifest != null) {
            manifest.answer(exchange);
            Pull.of(exchange).servedBy(manifest.registry());
        }
    }

    /** Returns the media type without parameters; null for none, and for one that is no manifest's: what the body is decides then. */
    private static String manifestType(String header) {
        String type = header == null ? "" : header.split(";", 2)[0].strip().toLowerCase(Locale.ROOT);
        return MediaTypes.isManifest(type) ? type : null;
    }

    /** Returns the body of the last response. */
    static byte[] body(Exchange exchange) throws RegistryTroubleException {
        if (!(exchange.getMessage().getBody() instanceof byte[] bytes)) {
            throw Pull.of(exchange).trouble("without a body");
        }
        return bytes;
    }

    private static KeptManifest read(Exchange exchange, Answer answer) throws RegistryTroubleException {
        byte[] bytes = body(exchange);
        Digest digest = answer.verified(exchange, bytes);
        return new KeptManifest(digest, answer.type, bytes.length, bytes, Pull.of(exchange).registry().name());
    }

    /** Returns what a HEAD tells; null where it leaves something out, or the client wants other bytes than those that are kept. */
    private static KeptManifest told(Exchange exchange, Answer answer) throws RegistryTroubleException {
        if (!Digest.isValid(String.valueOf(answer.digest))) {
            return null;
        }
        Digest digest = answer.claimed(exchange);
        String registry = Pull.of(exchange).registry().name();
        KeptManifest kept = Pull.of(exchange).toBeConfirmed();
        if (!Pull.of(exchange).head()) {
            return kept != null && kept.digest().equals(digest)
                    ? new KeptManifest(digest, kept.type(), kept.length(), kept.bytes(), registry) : null;
        }
        long length = RegistryAnswers.contentLength(exchange.getMessage());
        if (answer.type == null || length < 0) {
            return null;
        }
        if (length > SizeLimits.MANIFEST_BYTES) {
            throw Pull.of(exchange).trouble("with a length of more than " + SizeLimits.MANIFEST_BYTES + " bytes");
        }
        return new KeptManifest(digest, answer.type, length, null, registry);
    }

    /** What the registry says of a manifest: the type, null for none, and the digest. */
    private static final class Answer {

        private String type;
        private final String digest;

        Answer(String type, String digest) {
            this.type = type;
            this.digest = digest;
        }

        /** Returns the digest that a HEAD tells, if it is not another than the one asked for. */
        Digest claimed(Exchange exchange) throws RegistryTroubleException {
            Digest claimed = new Digest(digest);
            Digest asked = asked(exchange);
            if (asked != null && asked.algorithm().equals(claimed.algorithm()) && !asked.equals(claimed)) {
                throw Pull.of(exchange).trouble("with the digest of another manifest");
            }
            return asked == null ? claimed : asked;
        }

        /**
         * Returns the digest of the manifest, if it is the one asked for and the one that the registry tells, and makes the type what the
         * body says: clients compare the two.
         */
        Digest verified(Exchange exchange, byte[] bytes) throws RegistryTroubleException {
            Digest asked = asked(exchange);
            ManifestFields fields = ManifestFields.read(bytes);
            boolean signed = fields != null && MediaTypes.DOCKER_SCHEMA_1_SIGNED.equals(fields.type());
            byte[] payload = signed ? SignedManifest.payload(bytes) : null;
            if (asked != null && !matches(asked, bytes, payload)) {
                throw Pull.of(exchange).trouble("with bytes of another digest");
            }
            Digest told = digest != null && Digest.isValid(digest) ? new Digest(digest) : null;
            if (told != null && !told.equals(asked) && !matches(told, bytes, payload)) {
                throw Pull.of(exchange).trouble("with a false Docker-Content-Digest");
            }
            if (fields == null && (type == null || asked == null)) {
                throw Pull.of(exchange).trouble("with what is no manifest");
            }
            if (fields != null && fields.type() != null) {
                type = fields.type();
            } else if (type == null) {
                type = MediaTypes.OCI_MANIFEST;
            }
            if (asked != null) {
                return asked;
            }
            return told != null ? told : Digest.ofSha256(payload != null ? payload : bytes);
        }

        /** @param payload what was signed of the bytes; null where they are no signed manifest */
        private static boolean matches(Digest digest, byte[] bytes, byte[] payload) {
            return digest.matches(bytes) || payload != null && digest.matches(payload);
        }

        private static Digest asked(Exchange exchange) {
            ApiPath path = Pull.of(exchange).call().path();
            return path.reference() instanceof Digest asked ? asked : null;
        }
    }
}
