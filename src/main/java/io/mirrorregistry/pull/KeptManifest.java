package io.mirrorregistry.pull;

import io.mirrorregistry.protocol.Digest;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.Objects;
import org.apache.camel.Exchange;
import org.apache.camel.Message;

/**
 * A manifest as the mirror remembers it.
 *
 * @param digest its digest, verified where there are bytes
 * @param type its media type
 * @param length how many bytes it has
 * @param bytes the bytes, never to be changed; null where only a HEAD told of it
 * @param registry the name of the registry it came from
 * @param etag the digest in quotes, made once for all the responses
 */
public record KeptManifest(Digest digest, String type, long length, byte[] bytes, String registry, String etag) {

    /** The response header whose value a client may send back as If-None-Match. */
    public static final String ETAG = "ETag";

    /** Makes one with the etag that belongs to the digest. */
    public KeptManifest(Digest digest, String type, long length, byte[] bytes, String registry) {
        this(digest, type, length, bytes, registry, '"' + digest.value() + '"');
    }

    /** Returns the manifest that is the exchange's answer. */
    public static KeptManifest answered(Exchange exchange) {
        Message message = exchange.getMessage();
        String told = message.getHeader(ManifestStep.DIGEST, String.class);
        if (told == null) {
            throw new IllegalStateException("there is no manifest to keep: no registry was asked before the step cache.keep");
        }
        Digest digest = new Digest(told);
        String type = message.getHeader(Exchange.CONTENT_TYPE, String.class);
        String registry = Pull.of(exchange).servedBy();
        if (message.getBody() instanceof ByteBuffer body) {
            return new KeptManifest(digest, type, body.remaining(), body.array(), registry);
        }
        return new KeptManifest(digest, type, message.getHeader(Exchange.CONTENT_LENGTH, 0L, Long.class), null, registry);
    }

    /** Returns whether an answer from this one is the same as from the other: type, bytes and registry. */
    public boolean hasContentOf(KeptManifest other) {
        return Objects.equals(type, other.type) && registry.equals(other.registry) && Arrays.equals(bytes, other.bytes);
    }

    /** Makes this the exchange's answer; without bytes it can answer a HEAD only. */
    public void answer(Exchange exchange) {
        Message message = exchange.getMessage();
        message.removeHeaders("*");
        message.setHeader(Exchange.HTTP_RESPONSE_CODE, 200);
        message.setHeader(Exchange.CONTENT_TYPE, type);
        message.setHeader(ManifestStep.DIGEST, digest.value());
        message.setHeader(ETAG, etag);
        if (Pull.of(exchange).head()) {
            message.setHeader(Exchange.CONTENT_LENGTH, length);
            message.setBody(null);
        } else {
            message.setBody(ByteBuffer.wrap(bytes));
        }
    }
}
