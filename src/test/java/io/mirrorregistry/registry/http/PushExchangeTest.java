package io.mirrorregistry.registry.http;

import static io.mirrorregistry.registry.http.Pushing.UPLOADS;
import static io.mirrorregistry.registry.http.Pushing.begin;
import static io.mirrorregistry.registry.http.Pushing.call;
import static io.mirrorregistry.registry.http.Pushing.goOn;
import static io.mirrorregistry.registry.http.Pushing.mount;
import static io.mirrorregistry.registry.http.Pushing.patch;
import static io.mirrorregistry.registry.http.Pushing.random;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.mirrorregistry.config.Account;
import io.mirrorregistry.config.Credentials;
import io.mirrorregistry.protocol.ApiPath;
import io.mirrorregistry.protocol.PushRequest.Method;
import io.mirrorregistry.registry.AccountState;
import io.mirrorregistry.registry.Call;
import io.mirrorregistry.registry.PushCall;
import io.mirrorregistry.registry.PushResponse;
import io.mirrorregistry.registry.RegistryTroubleException;
import io.mirrorregistry.registry.RegistryTroubleException.Kind;
import io.mirrorregistry.registry.http.Pushing.Body;
import io.mirrorregistry.registry.http.RawRegistry.Request;
import io.mirrorregistry.testing.Answer;
import io.mirrorregistry.testing.Fault;
import io.mirrorregistry.testing.TokenService;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** How pushes are authorized: before a body is sent that can be sent once only, and after refusals. */
@Timeout(60)
class PushExchangeTest {

    private static final String BLOB = "/v2/team/app/blobs/sha256:" + "0".repeat(64);
    private static final String MANIFEST = "/v2/team/app/manifests/1.0";
    private static final String JSON = "Content-Type: application/json";
    private static final String DENIED = "{\"errors\":[{\"code\":\"DENIED\",\"message\":\"not yours\"}]}";
    private static final String BASIC = new Credentials("robot", "secret").basic();

    private final List<AutoCloseable> toClose = new ArrayList<>();
    private final TokenService service = open(TokenService.start());
    /** The tokens that the registry accepts. */
    private final Set<String> accepted = ConcurrentHashMap.newKeySet();
    private RawRegistry registry;

    private <T extends AutoCloseable> T open(T closeable) {
        toClose.add(closeable);
        return closeable;
    }

    @AfterEach
    void stop() throws Exception {
        for (AutoCloseable closeable : toClose) {
            closeable.close();
        }
        registry.verify();
    }

    private RegistryClient client(Pushing pushing) {
        RegistryClient client = pushing.client();
        toClose.add(client::shutDown);
        return client;
    }

    private Pushing pushing() {
        return Pushing.to(registry.url());
    }

    private String bearer() {
        return "WWW-Authenticate: Bearer realm=\"" + service.realm() + "\",service=\"test\"";
    }

    /** Accepts every token that the service gives from now on. */
    private void acceptTokens() {
        for (int i = 1; i < 100; i++) {
            accepted.add("Bearer test-token-" + i);
        }
    }

    private static void refuse(Request request, String challenge) throws IOException {
        request.readBody();
        request.respond(401, DENIED, challenge, JSON);
    }

    private static void take(Request request) throws IOException {
        request.readBody();
        request.respond(request.method().equals("HEAD") || request.method().equals("GET") ? 200 : request.method().equals("DELETE") ? 204 : 202, "",
                "Location: " + UPLOADS + "2");
    }

    /** Lets in who presents an accepted token. */
    private void requireBearer() {
        registry = open(RawRegistry.start(request -> {
            if (request.header("Authorization") != null && accepted.contains(request.header("Authorization"))) {
                take(request);
            } else {
                refuse(request, bearer());
            }
        }));
    }

    private void requireBasic() {
        registry = open(RawRegistry.start(request -> {
            if (BASIC.equals(request.header("Authorization"))) {
                take(request);
            } else {
                refuse(request, "WWW-Authenticate: Basic realm=\"registry\"");
            }
        }));
    }

    private List<Request> asked(String method) {
        return registry.requests().stream().filter(request -> request.method().equals(method) && !request.target().equals("/v2/")).toList();
    }

    private static RegistryTroubleException trouble(RegistryClient client, PushCall call) {
        return assertThrows(RegistryTroubleException.class, () -> client.push(call));
    }

    private List<List<String>> scopes() {
        return service.calls().stream().map(call -> call.parameters("scope")).toList();
    }

    // Scopes

    @Test
    void aTokenAllowsWhatTheRequestDoes() throws Exception {
        acceptTokens();
        requireBearer();
        RegistryClient client = client(pushing());
        assertTrue(client.push(begin()).authorized());
        client.push(patch(Body.of(random(1000)), true));
        client.push(goOn(Method.PUT, UPLOADS + "1?digest=x", null, true));
        client.push(call(Method.PUT, MANIFEST, Body.repeatable(random(10))));
        client.push(call(Method.HEAD, BLOB, null));
        client.push(call(Method.DELETE, MANIFEST, null));
        client.push(mount("other/base"));
        client.push(mount("team/app"));
        assertEquals(List.of(List.of("repository:team/app:pull,push"), List.of("repository:team/app:pull,push,delete"),
                List.of("repository:team/app:pull,push", "repository:other/base:pull")), scopes());
        assertTrue(asked("PATCH").stream().allMatch(request -> request.header("Authorization") != null));
    }

    @Test
    void aTokenForPullsIsAnother() throws Exception {
        acceptTokens();
        requireBearer();
        RegistryClient client = client(pushing());
        client.push(begin());
        client.ask(new Call(true, ApiPath.parse(MANIFEST), null, null, null)).close();
        assertEquals(List.of(List.of("repository:team/app:pull,push"), List.of("repository:team/app:pull")), scopes());
    }

    @Test
    void aServiceThatRefusesTheRepositoryToMountFromGivesATokenWithoutIt() throws Exception {
        acceptTokens();
        service.refuse("other/base");
        requireBearer();
        assertEquals(202, client(pushing()).push(mount("other/base")).status());
        assertEquals(List.of("repository:team/app:pull,push"), scopes().get(scopes().size() - 1));
    }

    // Basic

    @Test
    void answersAChallengeForBasicOnce() throws Exception {
        requireBasic();
        RegistryClient client = client(pushing().as("robot", "secret"));
        client.push(begin());
        client.push(patch(Body.of(random(100_000)), true));
        client.push(call(Method.PUT, MANIFEST, Body.repeatable(random(100_000))));
        assertEquals(2, asked("POST").size());
        assertEquals(1, asked("PATCH").size());
        assertEquals(1, asked("PUT").size());
        assertEquals(AccountState.FINE, client.accountState());
    }

    @Test
    void aManifestIsSentAgainAfterAChallenge() throws Exception {
        requireBasic();
        byte[] manifest = random(3_000_000);
        assertEquals(202, client(pushing().as("robot", "secret")).push(call(Method.PUT, MANIFEST, Body.repeatable(manifest))).status());
        assertEquals(2, asked("PUT").size());
        assertArrayEquals(manifest, asked("PUT").get(1).body());
    }

    @Test
    void anAccountThatIsRefusedIsTroubleAndNoted() {
        requireBasic();
        RegistryClient client = client(pushing().as("robot", "wrong"));
        for (PushCall call : List.of(begin(), patch(Body.of(random(1000)), true), call(Method.PUT, MANIFEST, Body.repeatable(random(10))))) {
            RegistryTroubleException trouble = trouble(client, call);
            assertEquals(Kind.REFUSED, trouble.kind());
            assertTrue(trouble.getMessage().endsWith("answered 401 and does not accept us"), trouble.getMessage());
        }
        assertEquals(AccountState.REFUSED, client.accountState());
    }

    @ParameterizedTest
    @ValueSource(ints = {401, 403})
    void anAccountThatMayOnlyPullIsForbidden(int status) throws Exception {
        registry = open(RawRegistry.start(request -> {
            request.readBody();
            boolean known = BASIC.equals(request.header("Authorization"));
            if (known && request.target().equals("/v2/")) {
                request.respond(200, "{}");
            } else {
                request.respond(known ? status : 401, DENIED, "WWW-Authenticate: Basic realm=\"registry\"", JSON);
            }
        }));
        RegistryClient client = client(pushing().as("robot", "secret"));
        for (PushCall call : List.of(begin(), patch(Body.of(random(1000)), true), call(Method.PUT, MANIFEST, Body.repeatable(random(10))))) {
            PushResponse response = client.push(call);
            assertEquals(403, response.status());
            assertEquals(List.of(new PushResponse.Problem("DENIED", "not yours")), response.errors());
            assertNull(response.header("www-authenticate"));
            assertTrue(response.authorized());
        }
        assertEquals(AccountState.FINE, client.accountState());
    }

    @ParameterizedTest
    @ValueSource(ints = {401, 403})
    void aTokenThatDoesNotAllowItIsForbidden(int status) throws Exception {
        registry = open(RawRegistry.start(request -> {
            request.readBody();
            request.respond(request.header("Authorization") == null ? 401 : status, DENIED, bearer(), JSON);
        }));
        RegistryClient client = client(pushing());
        PushResponse response = client.push(begin());
        assertEquals(403, response.status());
        assertEquals(List.of(new PushResponse.Problem("DENIED", "not yours")), response.errors());
    }

    /** As GHCR does with a repository that the account may only read. */
    @Test
    void aServiceThatGivesNoTokenForPushingForbidsIt() throws Exception {
        service.fault(Fault.instead((call, answer) -> call.parameters("scope").isEmpty() ? answer : Answer.of(403)));
        acceptTokens();
        requireBearer();
        RegistryClient client = client(pushing().as("robot", "secret"));
        PushResponse response = client.push(begin());
        assertEquals(403, response.status());
        assertEquals(AccountState.FINE, client.accountState());
    }

    @Test
    void aServiceThatRefusesTheAccountIsTrouble() {
        service.requireAccount("robot", "another");
        requireBearer();
        RegistryClient client = client(pushing().as("robot", "secret"));
        assertEquals(Kind.REFUSED, trouble(client, begin()).kind());
        assertEquals(AccountState.REFUSED, client.accountState());
    }

    // Bodies that are written once

    /** At another replica, which has never called this registry. */
    @Test
    void asksWhatIsWantedBeforeItSendsABody() throws Exception {
        acceptTokens();
        requireBearer();
        Body body = Body.chunked(random(300_000));
        PushResponse response = client(pushing()).push(patch(body, true));
        assertEquals(202, response.status());
        assertTrue(response.authorized());
        assertEquals(1, asked("PATCH").size());
        assertArrayEquals(random(300_000), asked("PATCH").get(0).body());
        assertEquals(List.of(List.of("repository:team/app:pull,push")), scopes());
    }

    /** As zot does where anybody may pull. */
    @Test
    void asksTheUploadItselfWhereAnybodyGetsTheVersion() throws Exception {
        registry = open(RawRegistry.start(request -> {
            if (request.target().equals("/v2/") || BASIC.equals(request.header("Authorization"))) {
                take(request);
            } else {
                refuse(request, "WWW-Authenticate: Basic realm=\"registry\"");
            }
        }));
        RegistryClient client = client(pushing().as("robot", "secret"));
        assertEquals(202, client.push(patch(Body.of(random(300_000)), true)).status());
        assertEquals(1, asked("GET").size());
        assertEquals(UPLOADS + "1?_state=secret", asked("GET").get(0).target());
        assertEquals(1, asked("PATCH").size());
    }

    @Test
    void aRegistryThatWantsNothingGetsTheBodyAtOnce() throws Exception {
        registry = open(RawRegistry.start(PushExchangeTest::take));
        RegistryClient client = client(pushing());
        for (int i = 0; i < 3; i++) {
            assertFalse(client.push(patch(Body.of(random(1000)), false)).authorized());
        }
        assertEquals(4, registry.requests().size(), "the version is asked for once");
    }

    /** Its first bytes come when the registry has responded already. */
    @Test
    void aBodyOfWhichNothingWasWrittenIsSentOnceMore() throws Exception {
        CountDownLatch refused = new CountDownLatch(1);
        registry = open(RawRegistry.start(request -> {
            String authorization = request.header("Authorization");
            if (authorization != null && accepted.contains(authorization)) {
                take(request);
            } else if (request.method().equals("PATCH")) {
                request.respond(401, DENIED, bearer(), JSON);
                refused.countDown();
                request.awaitEnd();
            } else {
                refuse(request, bearer());
            }
        }));
        accepted.add("Bearer test-token-1");
        RegistryClient client = client(pushing());
        client.push(begin());
        accepted.clear();
        accepted.add("Bearer test-token-2");
        Body body = Body.of(random(300_000)).before(written -> await(refused));
        assertEquals(202, client.push(patch(body, true)).status());
        assertEquals(2, body.begun());
        assertEquals(2, asked("PATCH").size());
        assertArrayEquals(random(300_000), asked("PATCH").get(1).body());
    }

    private static void await(CountDownLatch latch) {
        try {
            latch.await();
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    @ParameterizedTest
    @CsvSource({"false, 100", "true, 100", "false, 300000", "true, 300000"})
    void aBodyThatHasBegunIsNotSentTwice(boolean chunked, int length) throws Exception {
        accepted.add("Bearer test-token-1");
        requireBearer();
        RegistryClient client = client(pushing());
        client.push(begin());
        accepted.clear();
        accepted.add("Bearer test-token-2");
        Body body = Body.of(random(length), chunked);
        RegistryTroubleException trouble = trouble(client, patch(body, true));
        assertEquals(Kind.REFUSED, trouble.kind());
        assertEquals(401, trouble.status());
        assertEquals(1, body.begun());
        assertEquals(1, asked("PATCH").size());
        // The token was dropped, so that the next try gets another one.
        assertEquals(202, client.push(patch(Body.of(random(length), chunked), true)).status());
        assertEquals(2, asked("PATCH").size());
    }

    /** Anybody gets the version, and the registry has not been called before. */
    @Test
    void anUnexpectedChallengeHelpsTheNextTry() throws Exception {
        registry = open(RawRegistry.start(request -> {
            if (request.target().equals("/v2/") || BASIC.equals(request.header("Authorization"))) {
                take(request);
            } else {
                refuse(request, "WWW-Authenticate: Basic realm=\"registry\"");
            }
        }));
        RegistryClient client = client(pushing().as("robot", "secret"));
        PushCall whole = call(Method.POST, UPLOADS + "?digest=x", Body.of(random(1000)));
        assertEquals(Kind.REFUSED, trouble(client, whole).kind());
        assertEquals(1, asked("POST").size());
        assertEquals(202, client.push(whole).status());
        assertEquals(2, asked("POST").size());
    }

    @Test
    void aPasswordThatHasChangedIsReadForTheNextTry() throws Exception {
        AtomicReference<Credentials> file = new AtomicReference<>(new Credentials("robot", "secret"));
        AtomicReference<Credentials> read = new AtomicReference<>(file.get());
        String[] wanted = {BASIC};
        registry = open(RawRegistry.start(request -> {
            if (wanted[0].equals(request.header("Authorization"))) {
                take(request);
            } else {
                refuse(request, "WWW-Authenticate: Basic realm=\"registry\"");
            }
        }));
        RegistryClient client = client(pushing().as(new Account() {
            @Override
            public Credentials current() {
                return read.get();
            }

            @Override
            public Credentials renewed() {
                read.set(file.get());
                return read.get();
            }
        }));
        client.push(begin());
        file.set(new Credentials("robot", "new"));
        wanted[0] = file.get().basic();
        assertEquals(Kind.REFUSED, trouble(client, patch(Body.of(random(1000)), true)).kind());
        assertEquals(202, client.push(patch(Body.of(random(1000)), true)).status());
        assertEquals(2, asked("PATCH").size());
    }

    // Tokens that have ended

    @Test
    void aTokenThatHasEndedIsRenewed() throws Exception {
        accepted.add("Bearer test-token-1");
        requireBearer();
        RegistryClient client = client(pushing());
        client.push(begin());
        accepted.clear();
        accepted.add("Bearer test-token-2");
        assertEquals(202, client.push(begin()).status());
        byte[] manifest = random(100_000);
        accepted.clear();
        accepted.add("Bearer test-token-3");
        assertEquals(202, client.push(call(Method.PUT, MANIFEST, Body.repeatable(manifest))).status());
        assertEquals(2, asked("PUT").size());
    }

    /** Made again, it could be refused because the first try has ended the upload. */
    @ParameterizedTest
    @ValueSource(ints = {400, 404, 416, 500})
    void aRefusalOfACommitIsBelieved(int status) throws Exception {
        acceptTokens();
        registry = open(RawRegistry.start(request -> {
            if (request.header("Authorization") == null) {
                refuse(request, bearer());
            } else if (request.method().equals("PUT")) {
                request.readBody();
                request.respond(status, DENIED, JSON);
            } else {
                take(request);
            }
        }));
        RegistryClient client = client(pushing());
        client.push(begin());
        PushCall commit = goOn(Method.PUT, UPLOADS + "1?digest=x", null, true);
        if (status < 500) {
            assertEquals(status, client.push(commit).status());
        } else {
            trouble(client, commit);
        }
        assertEquals(1, asked("PUT").size());
    }
}
