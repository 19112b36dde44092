package io.mirrorregistry.access;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.nimbusds.jwt.SignedJWT;
import java.nio.charset.StandardCharsets;
import java.text.ParseException;
import java.time.Duration;
import java.time.Instant;
import java.util.Base64;
import java.util.EnumSet;
import java.util.Map;
import java.util.Set;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class MirrorTokensTest {

    private static final String SECRET = "a secret of the tests";
    private static final Subject ALICE = new Subject(Subject.Kind.USER, "alice");
    private static final Map<String, Set<Action>> ACCESS = Map.of("team/app", EnumSet.of(Action.PULL));

    private Instant now = Instant.parse("2026-01-01T00:00:00Z");
    private final MirrorTokens tokens = new MirrorTokens(SECRET, "mirror", () -> now);

    private String make() {
        return tokens.make(ALICE, ACCESS, now, now.plus(Duration.ofMinutes(5)));
    }

    private static MirrorTokens.Token verify(MirrorTokens by, String token) throws InvalidTokenException {
        try {
            return by.verify(SignedJWT.parse(token), "Bearer " + token);
        } catch (ParseException e) {
            throw new InvalidTokenException("it is damaged");
        }
    }

    private void refuses(String why, String token) {
        String message = assertThrows(InvalidTokenException.class, () -> verify(tokens, token)).getMessage();
        assertTrue(message.contains(why), message);
        assertNull(tokens.known("Bearer " + token));
    }

    @Test
    void aTokenSaysWhatItWasMadeFor() throws Exception {
        MirrorTokens.Token token = verify(tokens, make());
        assertEquals(new MirrorTokens.Token(ALICE, ACCESS, now.plus(Duration.ofMinutes(5))), token);
    }

    @Test
    void whoeverHasTheSecretVerifiesIt() throws Exception {
        assertNotNull(verify(new MirrorTokens(SECRET, "mirror", () -> now), make()));
        assertThrows(InvalidTokenException.class, () -> verify(new MirrorTokens("another secret of tests", "mirror", () -> now), make()));
        assertThrows(InvalidTokenException.class, () -> verify(new MirrorTokens(null, "mirror", () -> now), make()));
        assertThrows(InvalidTokenException.class, () -> verify(new MirrorTokens(SECRET, "other", () -> now), make()));
    }

    @Test
    void aTokenEndsInMemoryToo() throws Exception {
        String token = make();
        verify(tokens, token);
        assertNotNull(tokens.known("Bearer " + token));
        now = now.plus(Duration.ofMinutes(5));
        assertNull(tokens.known("Bearer " + token));
        refuses("expired", token);
    }

    @Test
    void refusesATokenOfTheFuture() {
        String token = tokens.make(ALICE, ACCESS, now.plus(Duration.ofMinutes(2)), now.plus(Duration.ofMinutes(5)));
        refuses("not valid yet", token);
    }

    private static String part(String json) {
        return Base64.getUrlEncoder().withoutPadding().encodeToString(json.getBytes(StandardCharsets.UTF_8));
    }

    private static String hmac(String text, byte[] key) throws Exception {
        Mac mac = Mac.getInstance("HmacSHA256");
        mac.init(new SecretKeySpec(key, "HmacSHA256"));
        return Base64.getUrlEncoder().withoutPadding().encodeToString(mac.doFinal(text.getBytes(StandardCharsets.UTF_8)));
    }

    /** The header of a token chooses neither the key nor the algorithm. */
    @ParameterizedTest
    @ValueSource(strings = {"{\"alg\":\"HS256\"}", "{\"alg\":\"HS384\"}", "{\"alg\":\"RS256\"}", "{\"alg\":\"HS256\",\"jwk\":{\"kty\":\"oct\",\"k\":\"AAAA\"}}",
        "{\"alg\":\"HS256\",\"jku\":\"http://127.0.0.1/keys\"}", "{\"alg\":\"HS256\",\"kid\":\"../../dev/null\"}", "{\"alg\":\"HS256\",\"x5c\":[\"AAAA\"]}"})
    void refusesASignatureByAnotherKey(String header) throws Exception {
        String signed = part(header) + "." + make().split("\\.")[1];
        for (byte[] key : new byte[][] {new byte[32], SECRET.getBytes(StandardCharsets.UTF_8), Base64.getDecoder().decode("AAAA")}) {
            refuses("", signed + "." + hmac(signed, key));
        }
        refuses("", signed + ".");
    }

    @ParameterizedTest
    @ValueSource(strings = {"{\"alg\":\"none\"}", "{\"alg\":\"None\"}", "{}", "[]", "x"})
    void refusesATokenWithoutAnAlgorithm(String header) {
        refuses("damaged", part(header) + "." + make().split("\\.")[1] + ".");
    }

    @Test
    void refusesATokenOfWhichOneCharacterIsChanged() {
        String token = make();
        for (int i = 0; i < token.length() - 1; i++) {
            char other = token.charAt(i) == 'A' ? 'B' : 'A';
            String changed = token.substring(0, i) + other + token.substring(i + 1);
            assertThrows(InvalidTokenException.class, () -> verify(tokens, changed), changed);
        }
    }
}
