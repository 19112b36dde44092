package io.mirrorregistry.testing;

import com.nimbusds.jose.JOSEException;
import com.nimbusds.jose.JWSAlgorithm;
import com.nimbusds.jose.JWSHeader;
import com.nimbusds.jose.crypto.ECDSASigner;
import com.nimbusds.jose.crypto.RSASSASigner;
import com.nimbusds.jose.jwk.Curve;
import com.nimbusds.jose.jwk.ECKey;
import com.nimbusds.jose.jwk.JWK;
import com.nimbusds.jose.jwk.JWKSet;
import com.nimbusds.jose.jwk.KeyUse;
import com.nimbusds.jose.jwk.RSAKey;
import com.nimbusds.jose.jwk.gen.ECKeyGenerator;
import com.nimbusds.jose.jwk.gen.RSAKeyGenerator;
import com.nimbusds.jose.util.Base64URL;
import com.nimbusds.jose.util.JSONObjectUtils;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.Signature;
import java.util.List;
import java.util.Map;

/**
 * An issuer of OpenID Connect tokens with one RSA key and one EC key. It serves its discovery document and its JWKS by HTTP.
 *
 * @see <a href="https://openid.net/specs/openid-connect-discovery-1_0.html">OpenID Connect Discovery</a>
 */
public final class TestIssuer extends TestServer {

    public static final String DISCOVERY = "/.well-known/openid-configuration";
    public static final String KEYS = "/keys";

    private int rotations;
    private volatile RSAKey rsa;
    private volatile ECKey ec;
    private volatile String discovery;
    private volatile String published;

    private TestIssuer() {
        super(false);
        rotate();
    }

    /** Starts an issuer, whose name is {@link #url()}. */
    public static TestIssuer start() {
        return new TestIssuer();
    }

    /** Replaces the keys; the old ones are not published any more. */
    public void rotate() {
        rotations++;
        try {
            rsa = new RSAKeyGenerator(2048).keyID("rsa-" + rotations).keyUse(KeyUse.SIGNATURE).algorithm(JWSAlgorithm.RS256).generate();
            ec = new ECKeyGenerator(Curve.P_256).keyID("ec-" + rotations).keyUse(KeyUse.SIGNATURE).generate();
        } catch (JOSEException e) {
            throw new IllegalStateException(e);
        }
        published = null;
    }

    public RSAKey rsa() {
        return rsa;
    }

    public ECKey ec() {
        return ec;
    }

    /** Returns the JWKS of the public keys. */
    public String jwks() {
        return published != null ? published : jwks(rsa, ec);
    }

    /** Returns a JWKS of the public parts of keys. */
    public static String jwks(JWK... keys) {
        return new JWKSet(List.of(keys)).toString(true);
    }

    /** Publishes this text instead of the JWKS, until the keys are rotated. */
    public void publish(String text) {
        published = text;
    }

    /** Serves this text instead of the discovery document. */
    public void discovery(String text) {
        discovery = text;
    }

    /** Responds 503 to every call until {@link #heal()}. */
    public void fail() {
        fault(Fault.status(503));
    }

    /** Returns a token with these claims and nothing else, signed by RS256. */
    public String sign(Map<String, ?> claims) {
        return sign(new JWSHeader.Builder(JWSAlgorithm.RS256).keyID(rsa.getKeyID()).build().toString(), JSONObjectUtils.toJSONString(claims));
    }

    /** Returns a token with these claims and nothing else, signed by ES256. */
    public String signEc(Map<String, ?> claims) {
        return sign(new JWSHeader.Builder(JWSAlgorithm.ES256).keyID(ec.getKeyID()).build(), JSONObjectUtils.toJSONString(claims), ec);
    }

    /** Returns a token with any texts as its header and claims, whose signature by RSA and SHA-256 is right. */
    public String sign(String header, String claims) {
        String signed = Base64URL.encode(header) + "." + Base64URL.encode(claims);
        try {
            Signature signature = Signature.getInstance("SHA256withRSA");
            signature.initSign(rsa.toPrivateKey());
            signature.update(signed.getBytes(StandardCharsets.US_ASCII));
            return signed + "." + Base64URL.encode(signature.sign());
        } catch (GeneralSecurityException | JOSEException e) {
            throw new IllegalStateException(e);
        }
    }

    /** Returns a token that a key signs by the header's algorithm. */
    public static String sign(JWSHeader header, String claims, JWK key) {
        String signed = Base64URL.encode(header.toString()) + "." + Base64URL.encode(claims);
        try {
            byte[] bytes = signed.getBytes(StandardCharsets.US_ASCII);
            return signed + "." + (key instanceof RSAKey rsa ? new RSASSASigner(rsa) : new ECDSASigner(key.toECKey())).sign(header, bytes);
        } catch (JOSEException e) {
            throw new IllegalStateException(e);
        }
    }

    @Override
    Answer answer(Call call) {
        return switch (call.path()) {
            case DISCOVERY -> Answer.of(200, "application/json", discovery != null ? discovery
                    : "{\"issuer\":\"" + url() + "\",\"jwks_uri\":\"" + url() + KEYS + "\"}");
            case KEYS -> Answer.of(200, "application/json", jwks());
            default -> Answer.of(404);
        };
    }
}
