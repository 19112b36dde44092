package io.mirrorregistry.access;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.nimbusds.jose.JWSAlgorithm;
import com.nimbusds.jose.JWSHeader;
import com.nimbusds.jose.jwk.Curve;
import com.nimbusds.jose.jwk.ECKey;
import com.nimbusds.jose.jwk.RSAKey;
import com.nimbusds.jose.jwk.gen.ECKeyGenerator;
import com.nimbusds.jose.util.JSONObjectUtils;
import io.mirrorregistry.testing.Fault;
import io.mirrorregistry.testing.TestIssuer;
import java.net.URI;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.BooleanSupplier;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Right tokens, and how the keys are fetched and kept. {@link IssuerTokensAttackTest} has the wrong ones. */
@Timeout(value = 60, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class IssuerTokensTest {

    private static final String AUDIENCE = "mirror.example.com";

    private final TestIssuer issuer = TestIssuer.start();
    private final AtomicReference<Instant> now = new AtomicReference<>(Instant.parse("2026-03-01T12:00:00Z"));
    private volatile long nanos = -5;
    private final IssuerTokens tokens = new IssuerTokens(now::get, () -> nanos);

    @BeforeEach
    void use() {
        tokens.use(List.of(entry()));
    }

    @AfterEach
    void close() {
        tokens.close();
        issuer.close();
    }

    private Issuer entry() {
        return new Issuer(issuer.url(), AUDIENCE, null, null, "ci:{sub}");
    }

    private void pass(Duration time) {
        now.set(now.get().plus(time));
        nanos += time.toNanos();
    }

    private Map<String, Object> claims() {
        return new HashMap<>(Map.of("iss", issuer.url(), "aud", AUDIENCE, "exp", now.get().getEpochSecond() + 3600, "sub", "alice"));
    }

    /** Returns claims of which no other token has all. */
    private Map<String, Object> claims(String jti) {
        Map<String, Object> claims = claims();
        claims.put("jti", jti);
        return claims;
    }

    private String user(String token) throws Exception {
        return tokens.verify(token).get(20, TimeUnit.SECONDS).subject().name();
    }

    private <T extends Exception> String refused(Class<T> kind, String token) {
        ExecutionException e = assertThrows(ExecutionException.class, () -> tokens.verify(token).get(20, TimeUnit.SECONDS));
        return assertInstanceOf(kind, e.getCause()).getMessage();
    }

    private int fetched() {
        return issuer.calls("GET", TestIssuer.KEYS).size();
    }

    private static void await(BooleanSupplier reached) throws InterruptedException {
        long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(10);
        while (!reached.getAsBoolean()) {
            assertTrue(System.nanoTime() < end, "waited for 10 s");
            Thread.sleep(2);
        }
    }

    @Test
    void verifiesRsaAndEcTokensWithDiscoveredKeys() throws Exception {
        IssuerTokens.Verified verified = tokens.verify(issuer.sign(claims())).get(20, TimeUnit.SECONDS);
        assertEquals(new Subject(Subject.Kind.ISSUER, "ci:alice"), verified.subject());
        assertEquals(now.get().plusSeconds(3600), verified.expires());
        assertEquals("ci:alice", user(issuer.signEc(claims())));
        assertEquals(1, fetched());
        assertEquals(1, issuer.calls("GET", TestIssuer.DISCOVERY).size());
    }

    @Test
    void verifiesEveryAlgorithmThatFitsTheKey() throws Exception {
        ECKey p384 = new ECKeyGenerator(Curve.P_384).generate();
        ECKey p521 = new ECKeyGenerator(Curve.P_521).generate();
        RSAKey any = new RSAKey.Builder(issuer.rsa()).algorithm(null).keyID(null).keyUse(null).build();
        // Without key ids, so that keys of other curves come first.
        issuer.publish(TestIssuer.jwks(issuer.ec(), p521, p384, any));
        Map<String, Object> object = claims();
        object.put("aud", List.of("other.example.com", AUDIENCE));
        String claims = JSONObjectUtils.toJSONString(object);
        for (String algorithm : List.of("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")) {
            assertEquals("ci:alice", user(TestIssuer.sign(new JWSHeader(JWSAlgorithm.parse(algorithm)), claims, any)), algorithm);
        }
        assertEquals("ci:alice", user(TestIssuer.sign(new JWSHeader(JWSAlgorithm.ES256), claims, issuer.ec())));
        assertEquals("ci:alice", user(TestIssuer.sign(new JWSHeader(JWSAlgorithm.ES384), claims, p384)));
        assertEquals("ci:alice", user(TestIssuer.sign(new JWSHeader(JWSAlgorithm.ES512), claims, p521)));
    }

    @Test
    void acceptsCommonTypesOnly() throws Exception {
        String claims = JSONObjectUtils.toJSONString(claims());
        for (String type : List.of("JWT", "jwt", "at+jwt", "application/at+jwt")) {
            assertEquals("ci:alice", user(issuer.sign("{\"alg\":\"RS256\",\"typ\":\"" + type + "\"}", claims)), type);
        }
        refused(InvalidTokenException.class, issuer.sign("{\"alg\":\"RS256\",\"typ\":\"logout+jwt\"}", claims));
    }

    @Test
    void usesKeysOfATextAndOfAnAddressWithoutDiscovery() throws Exception {
        tokens.use(List.of(new Issuer(issuer.url(), AUDIENCE, null, issuer.jwks(), "file:{sub}")));
        assertEquals("file:alice", user(issuer.sign(claims())));
        assertEquals(List.of(), issuer.calls());
        tokens.use(List.of(new Issuer(issuer.url(), AUDIENCE, URI.create(issuer.url() + TestIssuer.KEYS), null, "address:{sub}")));
        assertEquals("address:alice", user(issuer.sign(claims())));
        assertEquals(List.of(), issuer.calls("GET", TestIssuer.DISCOVERY));
        assertEquals(1, fetched());
    }

    @Test
    void asksOnceForRotatedKeys() throws Exception {
        assertEquals("ci:alice", user(issuer.sign(claims())));
        issuer.rotate();
        assertEquals("ci:alice", user(issuer.sign(claims("rotated"))));
        assertEquals("ci:alice", user(issuer.signEc(claims("rotated"))));
        assertEquals(2, fetched());
    }

    @Test
    void asksForUnknownKeysAtMostOnceIn30Seconds() throws Exception {
        String first = issuer.sign(claims());
        assertEquals("ci:alice", user(first));
        for (int i = 0; i < 300; i++) {
            refused(InvalidTokenException.class, issuer.sign("{\"alg\":\"RS256\",\"kid\":\"unknown-" + i + "\"}", "{\"iss\":\"" + issuer.url() + "\"}"));
        }
        assertEquals(2, fetched());
        issuer.rotate();
        String rotated = issuer.sign(claims("rotated"));
        pass(Duration.ofSeconds(29));
        assertEquals("its issuer has no key that fits it", refused(InvalidTokenException.class, rotated));
        assertEquals(2, fetched());
        pass(Duration.ofSeconds(1));
        // The refusal of the same token is not remembered.
        assertEquals("ci:alice", user(rotated));
        assertEquals(3, fetched());
    }

    @Test
    void refreshesKeysAheadInTheBackground() throws Exception {
        assertEquals("ci:alice", user(issuer.sign(claims("1"))));
        pass(Duration.ofSeconds(239));
        assertEquals("ci:alice", user(issuer.sign(claims("2"))));
        assertEquals(1, fetched());
        pass(Duration.ofSeconds(2));
        CountDownLatch released = new CountDownLatch(1);
        issuer.fault(Fault.heldUntil(released));
        assertEquals("ci:alice", user(issuer.sign(claims("3"))));
        released.countDown();
        await(() -> fetched() == 2);
    }

    @Test
    void fetchesOldKeysAnewSoThatWithdrawnOnesExpire() throws Exception {
        String old = issuer.sign(claims());
        assertEquals("ci:alice", user(old));
        issuer.rotate();
        pass(Duration.ofMinutes(6));
        assertEquals("its issuer has no key that fits it", refused(InvalidTokenException.class, old));
    }

    @Test
    void keepsOldKeysWhileTheIssuerIsAway() throws Exception {
        assertEquals("ci:alice", user(issuer.sign(claims("1"))));
        issuer.fail();
        for (int hour = 0; hour < 3; hour++) {
            pass(Duration.ofHours(1));
            assertEquals("ci:alice", user(issuer.sign(claims("hour " + hour))));
        }
        String problem = tokens.problem().orElseThrow();
        assertEquals("The keys of issuer " + issuer.url() + " cannot be fetched since 2026-03-01T13:00:00Z: it responded 503", problem);
        // An unknown key may be a new one, so this is no proof that the token is wrong.
        assertEquals("The keys of issuer " + issuer.url() + " cannot be fetched: it responded 503",
                refused(IssuerAwayException.class, issuer.sign("{\"alg\":\"RS256\",\"kid\":\"new\"}", "{\"iss\":\"" + issuer.url() + "\"}")));
        issuer.heal();
        pass(Duration.ofMinutes(6));
        assertEquals("ci:alice", user(issuer.sign(claims("3"))));
        assertEquals(Optional.empty(), tokens.problem());
    }

    @Test
    void stopsUsingKeysWhenTheIssuerPublishesNone() throws Exception {
        String token = issuer.sign(claims());
        assertEquals("ci:alice", user(token));
        issuer.publish("{\"keys\":[]}");
        pass(Duration.ofMinutes(6));
        assertEquals("The keys of issuer " + issuer.url() + " cannot be fetched: its JWKS holds no key that can verify tokens",
                refused(IssuerAwayException.class, token));
    }

    @Test
    void triesAnIssuerThatWasNeverThereEvery30Seconds() throws Exception {
        issuer.fail();
        String token = issuer.sign(claims());
        for (int i = 0; i < 5; i++) {
            assertEquals("The keys of issuer " + issuer.url() + " cannot be fetched: it responded 503", refused(IssuerAwayException.class, token));
        }
        assertEquals(1, issuer.calls().size());
        issuer.heal();
        pass(Duration.ofSeconds(29));
        refused(IssuerAwayException.class, token);
        assertEquals(1, issuer.calls().size());
        pass(Duration.ofSeconds(1));
        assertEquals("ci:alice", user(token));
        assertEquals(Optional.empty(), tokens.problem());
    }

    @Test
    void findsAnIssuerBackWithoutTokens() throws Exception {
        issuer.fail();
        refused(IssuerAwayException.class, issuer.sign(claims()));
        issuer.heal();
        assertTrue(tokens.problem().isPresent());
        assertEquals(1, issuer.calls().size());
        pass(Duration.ofSeconds(30));
        assertTrue(tokens.problem().isPresent());
        await(() -> tokens.problem().isEmpty());
        assertEquals(1, fetched());
    }

    @Test
    void saysWhyKeysCannotBeFetched() throws Exception {
        String keys = "\"jwks_uri\":\"" + issuer.url() + TestIssuer.KEYS + "\"";
        assertAway("its discovery document is that of the issuer https://evil.example.com/?[2Jx",
                () -> issuer.discovery("{\"issuer\":\"https://evil.example.com/\\u001b[2Jx\"," + keys + "}"));
        assertAway("its discovery document is that of the issuer " + issuer.url() + "/",
                () -> issuer.discovery("{\"issuer\":\"" + issuer.url() + "/\"," + keys + "}"));
        assertAway("its discovery document is no JSON object with unique members", () -> issuer.discovery("[]"));
        assertAway("its discovery document is no JSON object with unique members",
                () -> issuer.discovery("{\"issuer\":\"" + issuer.url() + "\"," + keys + "," + keys + "}"));
        assertAway("jwks_uri in its discovery document is missing", () -> issuer.discovery("{\"issuer\":\"" + issuer.url() + "\"}"));
        assertAway("jwks_uri in its discovery document is no http or https address",
                () -> issuer.discovery("{\"issuer\":\"" + issuer.url() + "\",\"jwks_uri\":\"file:///etc/passwd\"}"));
        assertAway("jwks_uri in its discovery document is http: anybody on the way could exchange the keys; only a loopback host may have http",
                () -> issuer.discovery("{\"issuer\":\"" + issuer.url() + "\",\"jwks_uri\":\"http://keys.example.com/\"}"));
        issuer.discovery(null);
        assertAway("its JWKS is no JWKS: it has to be a JSON object with the list keys, and without duplicate members", () -> issuer.publish("<html>"));
        assertAway("its JWKS is no JWKS: it has to be a JSON object with the list keys, and without duplicate members",
                () -> issuer.publish("{\"keys\":" + "[".repeat(100_000)));
        assertAway("it responded with more than 262144 bytes", () -> issuer.publish("{\"keys\":[],\"x\":\"" + "x".repeat(262_144) + "\"}"));
        assertAway("it redirected to another scheme", () -> issuer.fault(Fault.redirect(302, "https://127.0.0.1:1/")));
        assertAway("it redirected to an address that is http: anybody on the way could exchange the keys; only a loopback host may have http",
                () -> issuer.fault(Fault.redirect(302, "http://keys.example.com/")));
        assertAway("it redirected more than 3 times", () -> issuer.fault(Fault.redirect(307, issuer.url() + "/again")));
        assertAway("it refused the connection", issuer::stop);
    }

    private void assertAway(String why, Runnable fault) {
        issuer.heal();
        fault.run();
        pass(Duration.ofSeconds(30));
        assertEquals("The keys of issuer " + issuer.url() + " cannot be fetched: " + why, refused(IssuerAwayException.class, issuer.sign(claims())));
    }

    @Test
    void followsARedirectOfTheSameScheme() throws Exception {
        try (TestIssuer other = TestIssuer.start()) {
            other.publish(issuer.jwks());
            tokens.use(List.of(new Issuer(issuer.url(), AUDIENCE, URI.create(issuer.url() + TestIssuer.KEYS), null, "ci:{sub}")));
            issuer.fault(Fault.redirectTo(308, other));
            assertEquals("ci:alice", user(issuer.sign(claims())));
        }
    }

    @Test
    void givesUpOnAnIssuerThatHangsOrSendsSlowlyWhileOthersGoOn() throws Exception {
        try (TestIssuer other = TestIssuer.start(); TestIssuer slow = TestIssuer.start()) {
            tokens.use(List.of(entry(), new Issuer(other.url(), AUDIENCE, null, null, "other:{sub}"),
                    new Issuer(slow.url(), AUDIENCE, null, null, "slow:{sub}")));
            issuer.fault(Fault.silence());
            slow.fault(Fault.drip(Duration.ofMillis(500)));
            Map<String, Object> claims = claims();
            claims.put("iss", slow.url());
            CompletableFuture<IssuerTokens.Verified> hanging = tokens.verify(issuer.sign(claims()));
            CompletableFuture<IssuerTokens.Verified> dripping = tokens.verify(slow.sign(claims));
            issuer.awaitCalls(1);
            slow.awaitCalls(1);
            claims.put("iss", other.url());
            assertEquals("other:alice", user(other.sign(claims)));
            assertFalse(hanging.isDone() || dripping.isDone());
            for (CompletableFuture<IssuerTokens.Verified> away : List.of(hanging, dripping)) {
                assertInstanceOf(IssuerAwayException.class, assertThrows(ExecutionException.class, () -> away.get(20, TimeUnit.SECONDS)).getCause());
            }
        }
    }

    @Test
    void answersAVerifiedTokenAtOnceUntilItExpires() throws Exception {
        Map<String, Object> claims = claims();
        claims.put("exp", now.get().getEpochSecond() + 100);
        String token = issuer.sign(claims);
        user(token);
        pass(Duration.ofSeconds(99));
        assertTrue(tokens.verify(token).isDone());
        // The clock skew lets it pass a little longer.
        pass(Duration.ofSeconds(60));
        assertEquals("ci:alice", user(token));
        pass(Duration.ofSeconds(2));
        assertEquals("it has expired", refused(InvalidTokenException.class, token));
    }

    @Test
    void forgetsTokensWhenTheIssuersChangeButKeepsTheirKeys() throws Exception {
        String token = issuer.sign(claims());
        assertEquals("ci:alice", user(token));
        tokens.use(List.of(entry()));
        assertTrue(tokens.verify(token).isDone());
        tokens.use(List.of(new Issuer(issuer.url(), AUDIENCE, null, null, "job:{sub}")));
        assertEquals("job:alice", user(token));
        assertEquals(1, fetched());
        tokens.use(List.of());
        assertEquals("its issuer is not one of those in access.yaml", refused(InvalidTokenException.class, token));
    }

    @Test
    void choosesTheEntryOfAnIssuerByTheAudience() throws Exception {
        tokens.use(List.of(entry(), new Issuer(issuer.url(), "other.example.com", null, null, "other:{sub}")));
        Map<String, Object> claims = claims();
        claims.put("aud", List.of("other.example.com"));
        assertEquals("other:alice", user(issuer.sign(claims)));
        assertEquals("ci:alice", user(issuer.sign(claims())));
    }

    private List<CompletableFuture<IssuerTokens.Verified>> fillTheQueue() throws InterruptedException {
        List<CompletableFuture<IssuerTokens.Verified>> results = new ArrayList<>();
        for (int i = 0; i < 250; i++) {
            results.add(tokens.verify(issuer.sign(claims("other " + i))));
        }
        await(() -> results.stream().anyMatch(CompletableFuture::isDone));
        return results;
    }

    @Test
    void joinsAVerificationThatRunsAndRefusesWhatTheQueueCannotHold() throws Exception {
        CountDownLatch released = new CountDownLatch(1);
        issuer.fault(Fault.heldUntil(released));
        String token = issuer.sign(claims());
        List<CompletableFuture<IssuerTokens.Verified>> same = Stream.generate(() -> tokens.verify(token)).limit(1000).toList();
        issuer.awaitCalls(1);
        List<CompletableFuture<IssuerTokens.Verified>> others = fillTheQueue();
        CompletableFuture<IssuerTokens.Verified> refused = others.stream().filter(CompletableFuture::isDone).findFirst().orElseThrow();
        ExecutionException crowded = assertThrows(ExecutionException.class, refused::get);
        assertEquals("Too many tokens wait for verification", assertInstanceOf(IssuerAwayException.class, crowded.getCause()).getMessage());
        released.countDown();
        for (CompletableFuture<IssuerTokens.Verified> one : same) {
            assertEquals("ci:alice", one.get(20, TimeUnit.SECONDS).subject().name());
        }
        assertEquals(1, fetched());
    }

    @Test
    void answersWhatWaitsWhenItIsClosed() throws Exception {
        issuer.fault(Fault.silence());
        CompletableFuture<IssuerTokens.Verified> waiting = tokens.verify(issuer.sign(claims()));
        issuer.awaitCalls(1);
        List<CompletableFuture<IssuerTokens.Verified>> all = fillTheQueue();
        all.add(waiting);
        tokens.close();
        all.add(tokens.verify(issuer.sign(claims("late"))));
        for (CompletableFuture<IssuerTokens.Verified> one : all) {
            assertInstanceOf(IssuerAwayException.class, assertThrows(ExecutionException.class, () -> one.get(5, TimeUnit.SECONDS)).getCause());
        }
    }

    @Test
    void makesNoThreadBeforeTheFirstToken() {
        IssuerTokens idle = new IssuerTokens();
        idle.use(List.of(new Issuer("https://idle.example.com", AUDIENCE, null, null, "ci:{sub}")));
        assertTrue(Thread.getAllStackTraces().keySet().stream().noneMatch(thread -> thread.getName().startsWith("issuer-idle.example.com")));
        assertSame(Optional.empty(), idle.problem());
        idle.close();
    }
}
