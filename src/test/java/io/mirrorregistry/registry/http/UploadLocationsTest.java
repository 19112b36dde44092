package io.mirrorregistry.registry.http;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.mirrorregistry.registry.RegistryTroubleException;
import java.net.URI;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class UploadLocationsTest {

    private static UploadLocations locations(String url, String... tokenHosts) {
        return new UploadLocations(Pushing.to(url).tokenHosts(tokenHosts).settings());
    }

    private static String next(String url, String location, String... tokenHosts) throws RegistryTroubleException {
        UploadLocations locations = locations(url, tokenHosts);
        Location from = locations.of(Location.of(URI.create(url)).path() + Pushing.UPLOADS, Pushing.APP);
        String text = locations.text(locations.next(from, Pushing.APP, location));
        assertEquals(text, locations.text(locations.of(text, Pushing.APP)), "used, it leads to the same place");
        return text;
    }

    @ParameterizedTest
    @CsvSource({
        // The registry's own server, whatever the path
        "https://reg.example.com, https://reg.example.com/v2/team/app/blobs/uploads/1?_state=a%3D, /v2/team/app/blobs/uploads/1?_state=a%3D",
        "https://reg.example.com, https://REG.example.com:443/v2/team/app/blobs/uploads/1, /v2/team/app/blobs/uploads/1",
        "https://reg.example.com, /v2/team/app/blobs/uploads/1, /v2/team/app/blobs/uploads/1",
        "https://reg.example.com, 1?x=y, /v2/team/app/blobs/uploads/1?x=y",
        "https://reg.example.com, /artifacts-uploads/namespaces/p/repositories/r/uploads/x, /artifacts-uploads/namespaces/p/repositories/r/uploads/x",
        "https://reg.example.com/base, /base/v2/team/app/blobs/uploads/1, /base/v2/team/app/blobs/uploads/1",
        "https://reg.example.com, https://reg.example.com//odd/path, //odd/path",
        "https://reg.example.com, https://user:pw@reg.example.com/upload#x, /upload",
        // A registry that does not know its name, its scheme or its port
        "https://reg.example.com, http://reg.example.com/v2/team/app/blobs/uploads/1?_state=x, /v2/team/app/blobs/uploads/1?_state=x",
        "https://reg.example.com, http://registry:5000/v2/team/app/blobs/uploads/1, /v2/team/app/blobs/uploads/1",
        "http://127.0.0.1:5000, https://elsewhere.example/v2/team/app/blobs/uploads/1, /v2/team/app/blobs/uploads/1",
        "https://reg.example.com/base, http://registry/base/v2/team/app/blobs/uploads/1, /base/v2/team/app/blobs/uploads/1",
        // Another host that may see the account
        "https://reg.example.com, https://upload.example.com/put/1?sig=x, https://upload.example.com/put/1?sig=x",
        "https://reg.example.com, https://reg.example.com:8443/put/1, https://reg.example.com:8443/put/1",
        "https://reg.example.com, //upload.example.com/put/1, https://upload.example.com/put/1",
        "http://reg.example.com, https://upload.example.com/put/1, https://upload.example.com/put/1"})
    void goesOnWhereTheAccountMayBeSeen(String url, String location, String expected) throws Exception {
        assertEquals(expected, next(url, location));
    }

    @Test
    void goesOnAtAHostThatTheSettingsName() throws Exception {
        assertEquals("https://uploads.cdn.net/1", next("https://reg.example.com", "https://uploads.cdn.net/1", "uploads.cdn.net"));
    }

    @ParameterizedTest
    @CsvSource({
        "https://reg.example.com, https://evil.net/put/secret",
        "https://reg.example.com, http://upload.example.com/put/secret",
        "https://reg.example.com, http://reg.example.com/put/secret",
        "https://reg.example.com, https://evil.net/v2/other/app/blobs/uploads/secret",
        "https://reg.example.com, https://evil.net/v2/team/app/blobs/secret",
        "https://reg.example.com, https://evil.net/x/v2/team/app/blobs/uploads/secret",
        "https://reg.example.com/base, https://evil.net/v2/team/app/blobs/uploads/secret",
        "https://reg.example.com, //evil.net/put/secret",
        "https://reg.example.com, https://reg.example.com.evil.net/put/secret",
        "https://reg.example.com, https://reg.example.com@evil.net/put/secret",
        "https://co.uk, https://evil.co.uk/put/secret",
        "http://127.0.0.1:5000, http://127.0.0.1:5001/put/secret",
        "https://reg.example.com, ftp://reg.example.com/secret",
        "https://reg.example.com, javascript://reg.example.com/secret",
        "https://reg.example.com, https:///secret",
        "https://reg.example.com, https://reg.example.com:99999/secret"})
    void goesNowhereElse(String url, String location) {
        RegistryTroubleException trouble = assertThrows(RegistryTroubleException.class, () -> next(url, location));
        assertEquals(RegistryTroubleException.Kind.REFUSED, trouble.kind());
        assertFalse(trouble.getMessage().contains("secret"), trouble.getMessage());
    }

    @Test
    void goesNowhereWithControlCharactersOrWithoutALocation() {
        for (String location : new String[] {"", null, "/v2/\r\nX: y", "/v2/\u0000"}) {
            assertTrue(assertThrows(RegistryTroubleException.class, () -> next("https://reg.example.com", location)).getMessage().contains("nowhere"));
        }
    }

    @Test
    void namesTheHostAndHowToAllowIt() {
        String message = assertThrows(RegistryTroubleException.class, () -> next("https://reg.example.com", "https://evil.net/put?x=y")).getMessage();
        assertEquals("the registry sent an upload to https://evil.net, which must not see the mirror's account; if it may,"
                + " name it in mirror.registry.cold.token-hosts", message);
    }
}
