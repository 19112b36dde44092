package io.mirrorregistry.access;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.nimbusds.jose.JWSAlgorithm;
import com.nimbusds.jose.JWSHeader;
import com.nimbusds.jose.jwk.Curve;
import com.nimbusds.jose.jwk.JWK;
import com.nimbusds.jose.jwk.KeyUse;
import com.nimbusds.jose.jwk.RSAKey;
import com.nimbusds.jose.jwk.gen.ECKeyGenerator;
import com.nimbusds.jose.jwk.gen.OctetSequenceKeyGenerator;
import com.nimbusds.jose.jwk.gen.RSAKeyGenerator;
import com.nimbusds.jose.util.Base64URL;
import com.nimbusds.jose.util.JSONObjectUtils;
import io.mirrorregistry.testing.TestIssuer;
import java.nio.charset.StandardCharsets;
import java.security.Signature;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.Timeout;

/** Tokens that must not pass, each of them one change away from a token that does. */
@Timeout(value = 60, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class IssuerTokensAttackTest {

    private static final String AUDIENCE = "mirror.example.com";
    private static final String HEADER = "{\"alg\":\"RS256\",\"kid\":\"rsa-1\"}";
    private static final String SIGNATURE = "its type is none of JWT and at+jwt, or its signature is wrong";
    private static final String ALGORITHM = "its algorithm is none of RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512";
    private static final String HEADERS = "its header is not that of a signed token, or it has no signature";
    private static final String NO_KEY = "its issuer has no key that fits it";
    private static final Instant NOW = Instant.parse("2026-03-01T12:00:00Z");

    private TestIssuer issuer;
    private TestIssuer attacker;
    private IssuerTokens tokens;

    @BeforeAll
    void start() {
        issuer = TestIssuer.start();
        attacker = TestIssuer.start();
    }

    @AfterAll
    void stop() {
        issuer.close();
        attacker.close();
    }

    @BeforeEach
    void usePublishedKeys() throws Exception {
        issuer.publish(null);
        use();
    }

    private void use() throws Exception {
        tokens = new IssuerTokens(() -> NOW, System::nanoTime);
        tokens.use(List.of(new Issuer(issuer.url(), AUDIENCE, null, null, "ci:{sub}")));
        assertPasses(issuer.sign(HEADER, json(claims())));
    }

    @AfterEach
    void close() {
        tokens.close();
        assertEquals(List.of(), attacker.calls());
    }

    private Map<String, Object> claims() {
        return new HashMap<>(Map.of("iss", issuer.url(), "aud", AUDIENCE, "exp", NOW.getEpochSecond() + 600, "sub", "alice"));
    }

    private Map<String, Object> claims(String name, Object value) {
        Map<String, Object> claims = claims();
        claims.put(name, value);
        return claims;
    }

    private static String json(Map<String, ?> object) {
        return JSONObjectUtils.toJSONString(object);
    }

    private void assertPasses(String token) throws Exception {
        assertEquals("ci:alice", tokens.verify(token).get(20, TimeUnit.SECONDS).subject().name());
    }

    private String refused(String token) {
        ExecutionException e = assertThrows(ExecutionException.class, () -> tokens.verify(token).get(20, TimeUnit.SECONDS), () -> token);
        return assertInstanceOf(InvalidTokenException.class, e.getCause(), token).getMessage();
    }

    private static String hs256(String header, String claims, byte[] secret) throws Exception {
        String signed = Base64URL.encode(header) + "." + Base64URL.encode(claims);
        Mac mac = Mac.getInstance("HmacSHA256");
        mac.init(new SecretKeySpec(secret, "HmacSHA256"));
        return signed + "." + Base64URL.encode(mac.doFinal(signed.getBytes(StandardCharsets.US_ASCII)));
    }

    @Test
    void refusesTokensThatAreNotSigned() {
        String claims = Base64URL.encode(json(claims())).toString();
        for (String algorithm : List.of("none", "None", "NONE", "nOnE")) {
            String header = Base64URL.encode("{\"alg\":\"" + algorithm + "\"}").toString();
            for (String signature : List.of("", "AA", issuer.sign(claims()).split("\\.")[2])) {
                String message = refused(header + "." + claims + "." + signature);
                assertTrue(List.of(HEADERS, ALGORITHM).contains(message), message);
            }
        }
        assertEquals(HEADERS, refused(Base64URL.encode(HEADER) + "." + claims + "."));
        assertEquals("it is no signed token", refused(Base64URL.encode(HEADER) + "." + claims));
    }

    @Test
    void refusesHmacUnderThePublicKey() throws Exception {
        byte[] der = issuer.rsa().toRSAPublicKey().getEncoded();
        String pem = "-----BEGIN PUBLIC KEY-----\n" + Base64.getMimeEncoder(64, new byte[] {'\n'}).encodeToString(der) + "\n-----END PUBLIC KEY-----";
        RSAKey key = issuer.rsa().toPublicJWK();
        for (byte[] secret : List.of(der, pem.getBytes(StandardCharsets.US_ASCII), (pem + "\n").getBytes(StandardCharsets.US_ASCII), key.getModulus().decode(),
                key.getModulus().toString().getBytes(StandardCharsets.US_ASCII), key.toJSONString().getBytes(StandardCharsets.UTF_8))) {
            assertEquals(ALGORITHM, refused(hs256("{\"alg\":\"HS256\",\"kid\":\"rsa-1\"}", json(claims()), secret)));
            assertEquals(ALGORITHM, refused(hs256("{\"alg\":\"HS256\"}", json(claims()), secret)));
            // The header says RS256, the signature is an HMAC.
            assertEquals(SIGNATURE, refused(hs256(HEADER, json(claims()), secret)));
        }
    }

    @Test
    void refusesASecretKeyThatTheIssuerPublishes() throws Exception {
        JWK secret = new OctetSequenceKeyGenerator(256).keyID("secret").generate();
        issuer.publish("{\"keys\":[" + secret.toJSONString() + "," + issuer.rsa().toPublicJWK().toJSONString() + "]}");
        tokens.close();
        use();
        assertEquals(ALGORITHM, refused(hs256("{\"alg\":\"HS256\",\"kid\":\"secret\"}", json(claims()), secret.toOctetSequenceKey().toByteArray())));
    }

    @Test
    void usesNoKeyFromTheHeader() throws Exception {
        RSAKey own = attacker.rsa();
        String jwk = own.toPublicJWK().toJSONString();
        String certificate = Base64.getEncoder().encodeToString(new byte[] {1});
        for (String kid : List.of("", ",\"kid\":\"rsa-1\"", ",\"kid\":\"other\"")) {
            for (String parameter : List.of("", ",\"jwk\":" + jwk, ",\"jku\":\"" + attacker.url() + TestIssuer.KEYS + "\"",
                    ",\"x5u\":\"" + attacker.url() + "/x\"",
                    ",\"x5c\":[\"" + certificate + "\"]")) {
                String message = refused(attacker.sign("{\"alg\":\"RS256\"" + kid + parameter + "}", json(claims())));
                assertTrue(List.of(SIGNATURE, NO_KEY).contains(message), message);
            }
        }
        String secret = "{\"kty\":\"oct\",\"k\":\"AAAA\"}";
        assertEquals(HEADERS, refused(issuer.sign("{\"alg\":\"RS256\",\"jwk\":" + secret + "}", json(claims()))));
    }

    @Test
    void refusesAKeyThatDoesNotFit() throws Exception {
        String claims = json(claims());
        JWK small = new RSAKeyGenerator(1024, true).keyID("small").generate();
        JWK encryption = new RSAKeyGenerator(2048).keyID("enc").keyUse(KeyUse.ENCRYPTION).generate();
        JWK otherAlgorithm = new RSAKeyGenerator(2048).keyID("ps").algorithm(JWSAlgorithm.PS256).generate();
        JWK wider = new ECKeyGenerator(Curve.P_384).keyID("p384").generate();
        issuer.publish(TestIssuer.jwks(issuer.rsa(), issuer.ec(), small, encryption, otherAlgorithm, wider));
        tokens.close();
        use();
        for (JWK key : List.of(small, encryption, otherAlgorithm)) {
            String signed = signedAsRs256("{\"alg\":\"RS256\",\"kid\":\"" + key.getKeyID() + "\"}", claims, key.toRSAKey());
            assertEquals(NO_KEY, refused(signed), key.getKeyID());
        }
        assertEquals(NO_KEY, refused(TestIssuer.sign(new JWSHeader.Builder(JWSAlgorithm.PS256).keyID("rsa-1").build(), claims, issuer.rsa())));
        assertEquals(NO_KEY, refused(issuer.sign("{\"alg\":\"ES256\",\"kid\":\"rsa-1\"}", claims)));
        assertEquals(NO_KEY, refused(issuer.sign("{\"alg\":\"RS256\",\"kid\":\"ec-1\"}", claims)));
        assertEquals(NO_KEY, refused(issuer.sign("{\"alg\":\"ES256\",\"kid\":\"p384\"}", claims)));
        for (String algorithm : List.of("EdDSA", "Ed25519", "ES256K", "HS512", "RS1", "dir", "RSA-OAEP", "A128GCM", "x")) {
            assertTrue(List.of(ALGORITHM, HEADERS).contains(refused(issuer.sign("{\"alg\":\"" + algorithm + "\"}", claims))), algorithm);
        }
    }

    private static String signedAsRs256(String header, String claims, RSAKey key) throws Exception {
        String signed = Base64URL.encode(header) + "." + Base64URL.encode(claims);
        Signature signature = Signature.getInstance("SHA256withRSA");
        signature.initSign(key.toPrivateKey());
        signature.update(signed.getBytes(StandardCharsets.US_ASCII));
        return signed + "." + Base64URL.encode(signature.sign());
    }

    @Test
    void refusesTheTimesAndTheAudienceAndTheIssuerOfOthers() throws Exception {
        long now = NOW.getEpochSecond();
        assertEquals("it has expired", refused(issuer.sign(claims("exp", now - 61))));
        assertPasses(issuer.sign(claims("exp", now - 59)));
        assertEquals("it is not valid yet", refused(issuer.sign(claims("nbf", now + 61))));
        assertPasses(issuer.sign(claims("nbf", now + 59)));
        assertEquals("it is issued in the future", refused(issuer.sign(claims("iat", now + 61))));
        assertPasses(issuer.sign(claims("iat", now + 59)));
        for (Object audience : List.of("other.example.com", AUDIENCE + ".", AUDIENCE.toUpperCase(Locale.ROOT), List.of(), List.of("a", "b"), "")) {
            assertEquals("its audience is not " + AUDIENCE, refused(issuer.sign(claims("aud", audience))));
        }
        for (String other : List.of(attacker.url(), issuer.url() + "/", issuer.url().toUpperCase(Locale.ROOT), "", " " + issuer.url())) {
            assertEquals("its issuer is not one of those in access.yaml", refused(issuer.sign(claims("iss", other))));
        }
        assertEquals("it has expired", refused(issuer.sign(HEADER, json(claims()).replaceFirst("\"exp\":\\d+", "\"exp\":-1"))));
    }

    @Test
    void verifiesWithTheKeysOfTheNamedIssuerOnly() throws Exception {
        try (TestIssuer other = TestIssuer.start()) {
            tokens.use(List.of(new Issuer(issuer.url(), AUDIENCE, null, null, "ci:{sub}"), new Issuer(other.url(), AUDIENCE, null, null, "other:{sub}")));
            assertPasses(issuer.sign(claims()));
            assertEquals(SIGNATURE, refused(other.sign(claims())));
            assertEquals(SIGNATURE, refused(issuer.sign(claims("iss", other.url()))));
        }
    }

    @Test
    void refusesClaimsThatAreMissingOrOfAnotherKind() {
        for (String name : List.of("exp", "aud", "iss", "sub")) {
            Map<String, Object> claims = claims();
            claims.remove(name);
            String message = refused(issuer.sign(claims));
            assertTrue(message.contains(name) || message.contains("audience") || message.contains("issuer"), message);
        }
        for (String time : List.of("exp", "nbf", "iat")) {
            for (Object value : List.of("1900000000", List.of(1), Map.of(), true)) {
                assertEquals("its claims are malformed", refused(issuer.sign(claims(time, value))), time + value);
            }
        }
        for (Object value : List.of(5, true, Map.of(), List.of(issuer.url()))) {
            assertEquals("its claims are malformed", refused(issuer.sign(claims("iss", value))));
        }
        for (Object value : List.of(5, true, Map.of(AUDIENCE, 1), List.of(1))) {
            assertEquals("its claims are malformed", refused(issuer.sign(claims("aud", value))));
        }
        for (Object value : List.of("", List.of("alice"), Map.of("a", 1), "a\nb", "a\u0000", "a\u202eb", "x".repeat(256), 1.5, 1e300)) {
            String message = refused(issuer.sign(claims("sub", value)));
            assertTrue(message.startsWith("its claim sub ") || !(value instanceof String) && message.equals("its claims are malformed"), message);
            assertFalse(message.contains("\n"), message);
        }
    }

    @Test
    void refusesDamageInEachPart() {
        String[] parts = issuer.sign(claims()).split("\\.");
        for (int part = 0; part < 3; part++) {
            for (int position : List.of(0, parts[part].length() / 2, parts[part].length() - 4)) {
                String[] damaged = parts.clone();
                char was = damaged[part].charAt(position);
                damaged[part] = damaged[part].substring(0, position) + (was == 'A' ? 'B' : 'A') + damaged[part].substring(position + 1);
                refused(String.join(".", damaged));
            }
            for (String instead : List.of("", "A", "!", "e30", "bnVsbA", "W10", "/w", "AAAA")) {
                String[] damaged = parts.clone();
                damaged[part] = instead;
                refused(String.join(".", damaged));
            }
        }
        String token = String.join(".", parts);
        for (String text : List.of("", ".", "..", "...", " " + token, token + " ", token + "\n", token + "=", token + "." + parts[2],
                token + "." + token, token + ".",
                parts[0] + "." + parts[1] + ".." + parts[2], "Bearer " + token, parts[0] + ".." + parts[2])) {
            assertEquals("it is no signed token", refused(text), text);
            assertFalse(IssuerTokens.looksLikeToken(text), text);
        }
        assertFalse(IssuerTokens.looksLikeToken(null));
        refused(null);
    }

    @Test
    void boundsTheLength() throws Exception {
        String most = issuer.sign(claims("x", "x".repeat(11_600)));
        assertTrue(most.length() > 15_500 && most.length() <= 16_384, Integer.toString(most.length()));
        assertPasses(most);
        String longer = issuer.sign(claims("x", "x".repeat(20_480)));
        assertFalse(IssuerTokens.looksLikeToken(longer));
        assertEquals("it is no signed token of at most 16384 characters", refused(longer));
    }

    @Test
    void refusesTwoSignaturesInTheJsonForm() {
        String[] parts = issuer.sign(claims()).split("\\.");
        String one = "{\"protected\":\"" + parts[0] + "\",\"signature\":\"" + parts[2] + "\"}";
        String general = "{\"payload\":\"" + parts[1] + "\",\"signatures\":[" + one + "," + one + "]}";
        assertEquals("it is no signed token", refused(general));
        assertEquals("it is no signed token", refused(String.join(".", parts) + "." + parts[2]));
    }

    @Test
    void treatsAKeyIdAsANameOnly() {
        for (String kid : List.of("../../x", "/dev/null", "' OR 1=1", "a\\nb", "\\u0000", "\\u001b[2J",
                attacker.url() + TestIssuer.KEYS, "", "x".repeat(5000), "RSA-1", "rsa-1 ")) {
            assertEquals(NO_KEY, refused(issuer.sign("{\"alg\":\"RS256\",\"kid\":\"" + kid + "\"}", json(claims()))), kid);
        }
        for (String kid : List.of("5", "[\"rsa-1\"]", "{}", "true")) {
            assertEquals(HEADERS, refused(issuer.sign("{\"alg\":\"RS256\",\"kid\":" + kid + "}", json(claims()))), kid);
        }
    }

    @Test
    void refusesDuplicateMembers() {
        String claims = json(claims());
        assertEquals("it is no signed token", refused(issuer.sign("{\"alg\":\"none\",\"alg\":\"RS256\"}", claims)));
        assertEquals("it is no signed token", refused(issuer.sign("{\"alg\":\"RS256\",\"\\u0061lg\":\"RS256\"}", claims)));
        String unique = "its claims are no JSON object with unique members";
        for (String more : List.of("\"sub\":\"bob\"", "\"iss\":\"" + issuer.url() + "\"", "\"exp\":1", "\"\\u0073ub\":\"bob\"", "\"a\":{\"b\":1,\"b\":2}")) {
            assertEquals(unique, refused(issuer.sign(HEADER, "{" + more + "," + claims.substring(1))), more);
        }
    }

    @Test
    void refusesClaimsThatAreNoPlainObject() {
        String claims = json(claims());
        List<String> texts = new ArrayList<>(List.of("", "[]", "null", "\"x\"", "5", claims + claims, claims + "x", claims.replace("\"", "'"), "{a:1}",
                claims.substring(0, claims.length() - 1), "[".repeat(10_000), "{\"a\":".repeat(2000),
                "{\"a\":" + "[".repeat(20) + "]".repeat(20) + "," + claims.substring(1)));
        for (String text : texts) {
            String message = refused(issuer.sign(HEADER, text));
            assertTrue(message.equals("its claims are no JSON object with unique members") || message.equals("it is no signed token"), message);
        }
    }

    @Test
    void refusesCriticalParameters() throws Exception {
        for (String critical : List.of("\"crit\":[\"b64\"],\"b64\":false", "\"crit\":[\"exp\"],\"exp\":1", "\"crit\":[]",
                "\"crit\":null", "\"crit\":\"b64\"")) {
            assertEquals("its header has critical parameters, and none is supported",
                    refused(issuer.sign("{\"alg\":\"RS256\",\"kid\":\"rsa-1\"," + critical + "}", json(claims()))), critical);
        }
        assertPasses(issuer.sign("{\"alg\":\"RS256\",\"kid\":\"rsa-1\",\"unknown\":5}", json(claims())));
    }

    @Test
    void tellsTokensFromPasswords() {
        assertTrue(IssuerTokens.looksLikeToken(issuer.sign(claims())));
        assertTrue(IssuerTokens.looksLikeToken(Base64URL.encode("{\"alg\":\"none\"}") + ".e30."));
        for (String password : List.of("hunter2", "a.b.c", "one.two.three", "AAAA.BBBB.CCCC", "mrr_abc", "dckr_pat_abc",
                "pässword.x.y", "e30", "e30.e30", "W10.e30.AA")) {
            assertFalse(IssuerTokens.looksLikeToken(password), password);
        }
    }
}
