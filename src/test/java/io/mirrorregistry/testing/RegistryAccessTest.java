package io.mirrorregistry.testing;

import static io.mirrorregistry.testing.TestRegistryTest.header;
import static io.mirrorregistry.testing.TestRegistryTest.text;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.net.URI;
import java.net.http.HttpResponse;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Tokens and the storage behind redirects. */
class RegistryAccessTest {

    private final TestRegistry hot = TestRegistry.start("hot");
    private final TokenService tokens = TokenService.start();
    private final TestStorage storage = TestStorage.start();
    private final TestClient client = new TestClient();
    private final Image image = hot.image("library/app", "1.0");

    @AfterEach
    void close() {
        hot.close();
        tokens.close();
        storage.close();
    }

    @Test
    void challengesForATokenOfTheRightScope() {
        hot.requireBearer(tokens);

        assertEquals("Bearer realm=\"" + tokens.url() + "/token\","
                        + "service=\"test-registry\",scope=\"repository:library/app:pull\"",
                header(client.get(hot.url() + image.path()), "www-authenticate"));
        assertEquals(200, withToken(token("repository:library/app:pull")));
        assertEquals(401, withToken(token("repository:library/other:pull")));
        assertEquals(401, withToken("made-up"));
        assertEquals(2, tokens.issued());
        assertEquals(2, tokens.calls("GET", "/token").size());
    }

    @Test
    void challengesLiterally() {
        hot.requireBearer(tokens).challenges("bASIC Realm=x, BEARER scope=\"{scope}\" , REALM={realm}", "Negotiate");

        String first = "bASIC Realm=x, BEARER scope=\"repository:library/app:pull\" , REALM=" + tokens.realm();
        assertEquals(List.of(first, "Negotiate"),
                client.get(hot.url() + image.path()).headers().allValues("www-authenticate"));
    }

    @Test
    void endsTokensWhenRevokedOrUsedUp() {
        hot.requireBearer(tokens);
        String revoked = token("repository:library/app:pull");
        tokens.revokeAll();
        assertEquals(401, withToken(revoked));

        tokens.uses(2);
        String twice = token("repository:library/app:pull");
        assertEquals(200, withToken(twice));
        assertEquals(200, withToken(twice));
        assertEquals(401, withToken(twice));
    }

    @Test
    void givesTokensWithoutAccessToDeniedRepositories() {
        hot.requireBearer(tokens.deny("library/app"));
        assertEquals(401, withToken(token("repository:library/app:pull")));
    }

    @Test
    void wantsTheAccountAtTheTokenServiceWhenTold() {
        tokens.requireAccount("me", "secret");
        assertEquals(401, client.get(tokens.realm()).statusCode());
        assertEquals(200, client.send("GET", tokens.realm(), "Authorization", Access.credentials("me", "secret")).statusCode());
    }

    @Test
    void wordsTheTokenAnswerAsTold() {
        assertEquals("{\"token\":\"test-token-1\",\"expires_in\":300}", text(client.get(tokens.realm())));
        tokens.field("access_token").expiresIn(null);
        assertEquals("{\"access_token\":\"test-token-2\"}", text(client.get(tokens.realm())));
        tokens.field("token,access_token").expiresIn("\"soon\"").at("/auth?tenant=1");
        assertEquals("{\"token\":\"test-token-3\",\"access_token\":\"test-token-3\",\"expires_in\":\"soon\"}",
                text(client.get(tokens.url() + "/auth?tenant=1")));
        assertEquals(404, client.get(tokens.url() + "/token").statusCode());
    }

    @Test
    void faultsBefallTheTokenServiceToo() {
        tokens.fault(Fault.html());
        assertEquals("text/html", header(client.get(tokens.realm()), "content-type"));
    }

    @Test
    void redirectsBlobsToAnAddressSignedForTheMethod() {
        hot.redirectBlobsTo(storage);
        String forGet = location("GET");
        String forHead = location("HEAD");

        assertTrue(forGet.startsWith(storage.url()));
        assertArrayEquals(layerBytes(), client.get(forGet).body());
        assertEquals(200, client.send("HEAD", forHead).statusCode());
        assertEquals(403, client.send("HEAD", forGet).statusCode());
        assertEquals(403, client.get(forHead).statusCode());
        assertEquals(403, client.get(forGet + "x").statusCode());
        assertEquals(206, client.send("GET", forGet, "Range", "bytes=0-9").statusCode());
    }

    @Test
    void refusesAuthorizationAtTheStorage() {
        hot.redirectBlobsTo(storage);
        assertEquals(400, client.send("GET", location("GET"), "Authorization", "Bearer x").statusCode());
    }

    @Test
    void redirectsWithAnyStatusAndRelativeLocations() {
        for (int status : new int[] {301, 302, 303, 307, 308}) {
            hot.redirectBlobsTo(storage, status, "{path}");
            HttpResponse<byte[]> redirect = client.get(hot.url() + image.path(image.layers().get(0)));
            assertEquals(status, redirect.statusCode());
            assertTrue(header(redirect, "location").startsWith("/storage/"));
            assertArrayEquals(layerBytes(), client.get(hot.url() + header(redirect, "location")).body());
        }
    }

    @Test
    void answersHeadItselfWhenTold() {
        hot.redirectBlobsTo(storage).answerBlobHeads();
        String url = hot.url() + image.path(image.config());
        assertEquals(200, client.send("HEAD", url).statusCode());
        assertEquals(307, client.get(url).statusCode());
    }

    @Test
    void redirectsAgainAtTheStorageWhenTold() {
        storage.redirectAgain();
        hot.redirectBlobsTo(storage);
        String first = location("GET");
        HttpResponse<byte[]> again = client.get(first);
        assertEquals(302, again.statusCode());
        assertArrayEquals(layerBytes(), client.get(URI.create(first).resolve(header(again, "location")).toString()).body());
        assertFalse(storage.calls().isEmpty());
    }

    private byte[] layerBytes() {
        try (TestRegistry plain = TestRegistry.start("plain")) {
            plain.put(image);
            return client.get(plain.url() + image.path(image.layers().get(0))).body();
        }
    }

    private String location(String method) {
        HttpResponse<byte[]> redirect = client.send(method, hot.url() + image.path(image.layers().get(0)));
        assertEquals(307, redirect.statusCode());
        return header(redirect, "location");
    }

    private String token(String scope) {
        client.get(tokens.realm() + "?service=test-registry&scope=" + scope);
        return "test-token-" + tokens.issued();
    }

    private int withToken(String token) {
        return client.send("GET", hot.url() + image.path(), "Authorization", "Bearer " + token).statusCode();
    }
}
