package io.mirrorregistry.access;

import com.nimbusds.jose.jwk.JWKSet;
import com.nimbusds.jose.jwk.source.JWKSetCacheRefreshEvaluator;
import com.nimbusds.jose.jwk.source.JWKSetSource;
import com.nimbusds.jose.jwk.source.JWKSetUnavailableException;
import com.nimbusds.jose.proc.SecurityContext;
import com.nimbusds.jose.util.JSONObjectUtils;
import io.mirrorregistry.files.Printable;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.net.URI;
import java.text.ParseException;
import java.time.Instant;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Fetches the keys of one issuer: from its own address, or from the one that the issuer's discovery document names. After a failure, it does not ask
 * again within 30 s. The cache before it runs one call at a time; the state may be read by any thread.
 *
 * @see <a href="https://openid.net/specs/openid-connect-discovery-1_0.html#ProviderConfig">OpenID Connect Discovery, section 4</a>
 */
final class KeyFetch implements JWKSetSource<SecurityContext> {

    private static final Logger LOG = LoggerFactory.getLogger(KeyFetch.class);
    private static final long RETRY_NANOS = TimeUnit.SECONDS.toNanos(30);

    private final String issuer;
    private final URI keys;
    private final DocumentFetch documents;
    private final Supplier<Instant> clock;
    private final LongSupplier nanos;
    /** Null while the last call succeeded, and before the first one. */
    private volatile Failure failure;

    /**
     * Why the keys could not be fetched.
     *
     * @param why the end of a sentence about the issuer
     * @param since when the first of the failures without a success between them happened
     * @param at when the last one happened, in nanoseconds
     */
    record Failure(String why, Instant since, long at) {
    }

    /** @param keys the address of the keys; null for the one that the discovery document names */
    KeyFetch(String issuer, URI keys, DocumentFetch documents, Supplier<Instant> clock, LongSupplier nanos) {
        this.issuer = issuer;
        this.keys = keys;
        this.documents = documents;
        this.clock = clock;
        this.nanos = nanos;
    }

    /** Returns why the last call failed; null if it succeeded, and before the first one. */
    Failure failure() {
        return failure;
    }

    /** Returns whether the last call failed, and so long ago that the issuer may be asked again. */
    boolean mayRetry() {
        Failure last = failure;
        return last != null && nanos.getAsLong() - last.at >= RETRY_NANOS;
    }

    /**
     * Fetches the keys. Blocks for at most about 20 s.
     *
     * @throws JWKSetUnavailableException if they cannot be fetched; the message ends a sentence about the issuer
     */
    @Override
    public JWKSet getJWKSet(JWKSetCacheRefreshEvaluator evaluator, long millis, SecurityContext context) throws JWKSetUnavailableException {
        Failure last = failure;
        if (last != null && !mayRetry()) {
            throw new JWKSetUnavailableException(last.why);
        }
        try {
            JWKSet usable = PublicKeys.usable(PublicKeys.read(documents.get(keys == null ? discovered() : keys)));
            if (usable.isEmpty()) {
                // The issuer has withdrawn its keys, so the old ones must not verify tokens any more.
                failed("its JWKS holds no key that can verify tokens");
            } else {
                succeeded();
            }
            return usable;
        } catch (InterruptedIOException e) {
            // The mirror stops: that is no failure of the issuer.
            throw new JWKSetUnavailableException(e.getMessage());
        } catch (IOException e) {
            throw new JWKSetUnavailableException(failed(e.getMessage()));
        } catch (IllegalArgumentException e) {
            throw new JWKSetUnavailableException(failed("its JWKS " + e.getMessage()));
        }
    }

    private URI discovered() throws IOException {
        String base = issuer.endsWith("/") ? issuer.substring(0, issuer.length() - 1) : issuer;
        String text = documents.get(URI.create(base + "/.well-known/openid-configuration"));
        if (StrictJson.members(text) == null) {
            throw new IOException("its discovery document is no JSON object with unique members");
        }
        try {
            Map<String, Object> document = JSONObjectUtils.parse(text);
            String named = JSONObjectUtils.getString(document, "issuer");
            if (!issuer.equals(named)) {
                throw new IOException("its discovery document is that of the issuer " + Printable.of(String.valueOf(named)));
            }
            URI address = JSONObjectUtils.getURI(document, "jwks_uri");
            String fault = address == null ? "is missing" : IssuerCheck.addressFault(address);
            if (fault == null && !"https".equalsIgnoreCase(address.getScheme()) && base.regionMatches(true, 0, "https:", 0, "https:".length())) {
                fault = "is http, and the issuer is https";
            }
            if (fault != null) {
                throw new IOException("jwks_uri in its discovery document " + fault);
            }
            return address;
        } catch (ParseException e) {
            throw new IOException("its discovery document has no text in issuer or no address in jwks_uri", e);
        }
    }

    /** Notes a failure and returns why. */
    private String failed(String why) {
        Failure last = failure;
        if (last == null || !last.why.equals(why)) {
            LOG.atWarn().addKeyValue("issuer", issuer).log("The keys of issuer {} cannot be fetched: {}", issuer, why);
        }
        failure = new Failure(why, last == null ? clock.get() : last.since, nanos.getAsLong());
        return why;
    }

    private void succeeded() {
        if (failure != null) {
            LOG.atInfo().addKeyValue("issuer", issuer).log("The keys of issuer {} are fetched again", issuer);
            failure = null;
        }
    }

    @Override
    public void close() {
        // Nothing is open between two calls.
    }
}
