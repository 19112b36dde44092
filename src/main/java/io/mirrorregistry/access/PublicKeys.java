package io.mirrorregistry.access;

import com.nimbusds.jose.JWSAlgorithm;
import com.nimbusds.jose.jwk.Curve;
import com.nimbusds.jose.jwk.ECKey;
import com.nimbusds.jose.jwk.JWK;
import com.nimbusds.jose.jwk.JWKSet;
import com.nimbusds.jose.jwk.KeyOperation;
import com.nimbusds.jose.jwk.KeyUse;
import com.nimbusds.jose.jwk.RSAKey;
import java.text.ParseException;
import java.util.Map;
import java.util.Objects;
import java.util.Set;

/**
 * Reads the keys with which an issuer's tokens are verified.
 *
 * @see <a href="https://www.rfc-editor.org/rfc/rfc7517">RFC 7517: JSON Web Key</a>
 */
final class PublicKeys {

    private static final int FEWEST_RSA_BITS = 2048;
    private static final Map<Curve, JWSAlgorithm> CURVES =
            Map.of(Curve.P_256, JWSAlgorithm.ES256, Curve.P_384, JWSAlgorithm.ES384, Curve.P_521, JWSAlgorithm.ES512);

    private PublicKeys() {
    }

    /**
     * Reads a JWKS.
     *
     * @throws IllegalArgumentException if it is no JWKS; the message ends a sentence that begins with the document
     */
    static JWKSet read(String text) {
        Set<String> members = StrictJson.members(text);
        if (members == null || !members.contains("keys")) {
            throw new IllegalArgumentException("is no JWKS: it has to be a JSON object with the list keys, and without duplicate members");
        }
        try {
            return JWKSet.parse(text);
        } catch (ParseException e) {
            throw new IllegalArgumentException("is no JWKS: a key in it is malformed", e);
        }
    }

    /** Returns the keys that can verify tokens, without private parts. A key's {@code alg}, {@code use} and {@code key_ops} count, if it has them. */
    static JWKSet usable(JWKSet keys) {
        return new JWKSet(keys.getKeys().stream().filter(PublicKeys::isForSignatures).map(PublicKeys::usable).filter(Objects::nonNull).toList());
    }

    /** Returns whether one of the keys has to be secret. */
    static boolean holdSecret(JWKSet keys) {
        return keys.getKeys().stream().anyMatch(JWK::isPrivate);
    }

    private static boolean isForSignatures(JWK key) {
        return (key.getKeyUse() == null || key.getKeyUse().equals(KeyUse.SIGNATURE))
                && (key.getKeyOperations() == null || key.getKeyOperations().contains(KeyOperation.VERIFY));
    }

    /** Returns the public key; null for a kind of key that is not supported. */
    private static JWK usable(JWK key) {
        String algorithm = key.getAlgorithm() == null ? null : key.getAlgorithm().getName();
        if (key instanceof RSAKey rsa) {
            boolean supported = algorithm == null || JWSAlgorithm.Family.RSA.contains(JWSAlgorithm.parse(algorithm));
            return supported && rsa.size() >= FEWEST_RSA_BITS ? rsa.toPublicJWK() : null;
        }
        JWSAlgorithm only = key instanceof ECKey ec ? CURVES.get(ec.getCurve()) : null;
        if (only == null || algorithm != null && !algorithm.equals(only.getName())) {
            return null;
        }
        // Without it, the library selects a key on another curve as well, and gives up when it cannot use that one.
        return new ECKey.Builder(key.toECKey().toPublicJWK()).algorithm(only).build();
    }
}
