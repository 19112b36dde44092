package io.mirrorregistry.access;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.nimbusds.jose.JOSEException;
import com.nimbusds.jose.jwk.Curve;
import com.nimbusds.jose.jwk.ECKey;
import com.nimbusds.jose.jwk.gen.ECKeyGenerator;
import com.nimbusds.jose.jwk.gen.OctetSequenceKeyGenerator;
import com.nimbusds.jose.jwk.gen.RSAKeyGenerator;
import java.net.URI;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class IssuerCheckTest {

    private static final String TEXT_ADVICE = "it has to be a JSON object with the list keys, and without duplicate members";

    private static Optional<String> fault(String issuer, String keys, String text, String user) {
        return IssuerTokens.fault(new Issuer(issuer, "mirror.example.com", keys == null ? null : URI.create(keys), text, user));
    }

    private static String userFault(String user) {
        return fault("https://ci.example.com", null, null, user).orElse("");
    }

    private static String textFault(String text) {
        return fault("https://ci.example.com", null, text, "ci:{sub}").orElse("");
    }

    @Test
    void acceptsIssuersOfTheUsualServices() {
        for (Map.Entry<String, String> usual : Map.of("https://token.actions.githubusercontent.com", "github:{repository}",
                "https://gitlab.example.com", "gitlab:{project_path}", "https://kubernetes.default.svc.cluster.local",
                "k8s:{kubernetes.io.namespace}:{kubernetes.io.serviceaccount.name}", "https://accounts.example.com/", "sso:{email}!").entrySet()) {
            assertEquals(Optional.empty(), fault(usual.getKey(), null, null, usual.getValue()));
        }
    }

    @Test
    void refusesTemplatesThatCouldGiveTheNameOfAnother() {
        String prefix = "user must begin with a text that ends with a colon, such as ci:, so that no token has the name of a local user";
        for (String user : new String[] {"{sub}", ":{sub}", "ci{sub}", "ci/{sub}", "ci: {sub}", "{sub}:x"}) {
            assertEquals(prefix, userFault(user), user);
        }
        assertEquals("user has no claim in braces, so that all tokens would have the same user", userFault("ci:robot"));
        assertEquals("user is empty", userFault(""));
        assertEquals("user is empty", userFault(null));
        assertEquals("user has two claims without a text between them", userFault("ci:{a}{b}"));
        assertEquals("user has an opening brace without a closing one", userFault("ci:{a"));
        assertEquals("user has an opening brace without a closing one", userFault("ci:{a}/{b"));
        assertEquals("user has a brace within braces", userFault("ci:{a{b}}"));
        assertEquals("user has a closing brace without an opening one", userFault("c}i:{a}"));
        assertEquals("user has a closing brace without an opening one", userFault("ci:{a}}"));
        assertEquals("user has empty braces", userFault("ci:{}"));
        assertEquals("user has empty braces", userFault("ci:{ }"));
        assertEquals("user has a control character", userFault("ci:\n{a}"));
        assertEquals("user has more than 255 characters", userFault("ci:{" + "x".repeat(255) + "}"));
    }

    @Test
    void refusesAddressesThatAreNotSafe() {
        String http = "is http: anybody on the way could exchange the keys; only a loopback host may have http";
        assertEquals(Optional.of("issuer " + http), fault("http://ci.example.com", null, null, "ci:{sub}"));
        assertEquals(Optional.of("issuer " + http), fault("http://127.0.0.1.example.com", null, null, "ci:{sub}"));
        assertEquals(Optional.of("keys " + http), fault("https://ci.example.com", "http://ci.example.com/keys", null, "ci:{sub}"));
        for (String loopback : new String[] {"http://localhost:8080", "http://127.0.0.1", "http://127.1.2.3/x", "http://[::1]:80"}) {
            assertEquals(Optional.empty(), fault(loopback, null, null, "ci:{sub}"), loopback);
        }
        // Nothing is fetched from the issuer itself then.
        assertEquals(Optional.empty(), fault("http://ci.example.com", "https://ci.example.com/keys", null, "ci:{sub}"));
        for (String none : new String[] {null, "", "ci", "ftp://ci.example.com", "https:", "https:///x", "file:///x"}) {
            assertTrue(fault(none, null, null, "ci:{sub}").orElse("").matches("issuer is no (http or https )?address"), none);
        }
        assertEquals(Optional.of("issuer is no address"), fault("https://a b", null, null, "ci:{sub}"));
        assertEquals(Optional.of("issuer has a query"), fault("https://ci.example.com/?a", null, null, "ci:{sub}"));
        assertEquals(Optional.of("issuer has a fragment"), fault("https://ci.example.com/#a", null, null, "ci:{sub}"));
        assertEquals(Optional.of("issuer has a user name in it"), fault("https://a@ci.example.com", null, null, "ci:{sub}"));
        assertEquals(Optional.of("keys is no http or https address"), fault("https://ci.example.com", "file:///keys", null, "ci:{sub}"));
        assertEquals(Optional.of("audience is empty"), IssuerTokens.fault(new Issuer("https://ci.example.com", " ", null, null, "ci:{sub}")));
    }

    @Test
    void refusesTextsWithoutPublicKeysOrWithSecretOnes() throws JOSEException {
        ECKey ec = new ECKeyGenerator(Curve.P_256).generate();
        String key = ec.toPublicJWK().toJSONString();
        assertEquals("", textFault("{\"keys\":[" + key + "]}"));
        assertEquals("", textFault("{\"keys\":[{\"kty\":\"new\"}," + key + "]}"));
        String secret = "keys holds a private key or a secret; it must hold public keys only";
        assertEquals(secret, textFault("{\"keys\":[" + key + "," + ec.toJSONString() + "]}"));
        assertEquals(secret, textFault("{\"keys\":[" + key + "," + new OctetSequenceKeyGenerator(256).generate().toJSONString() + "]}"));
        assertEquals(secret, textFault("{\"keys\":[" + new RSAKeyGenerator(2048).generate().toJSONString() + "]}"));
        String none = "keys holds no key that can verify tokens: RSA of at least 2048 bits, or EC on P-256, P-384 or P-521";
        assertEquals(none, textFault("{\"keys\":[]}"));
        assertEquals(none, textFault("{\"keys\":[" + new RSAKeyGenerator(1024, true).generate().toPublicJWK().toJSONString() + "]}"));
        for (String text : new String[] {"", "x", "[]", "{}", key, "-----BEGIN PUBLIC KEY-----", "{\"keys\":[],\"keys\":[]}"}) {
            assertEquals("keys is no JWKS: " + TEXT_ADVICE, textFault(text), text);
        }
        for (String text : new String[] {"{\"keys\":5}", "{\"keys\":[5]}",
                "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AA\",\"y\":\"AA\"}]}", "{\"keys\":null}"}) {
            assertTrue(textFault(text).startsWith("keys "), text);
        }
    }
}
