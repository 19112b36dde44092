package io.mirrorregistry.registry.http;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.mirrorregistry.config.Account;
import io.mirrorregistry.config.BlobsMode;
import io.mirrorregistry.config.RegistrySettings;
import io.mirrorregistry.protocol.ApiPath;
import io.mirrorregistry.registry.RegistryTroubleException;
import java.net.URI;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class LocationsTest {

    private static final String PATH = "/v2/app/blobs/sha256:1";

    private static RegistrySettings settings(String url, String publicUrl) {
        return new RegistrySettings("hot", URI.create(url), Account.NONE, Map.of("User-Agent", "test"), BlobsMode.AUTO, URI.create(publicUrl), Duration.ofSeconds(1),
                Duration.ofSeconds(1), Duration.ZERO, List.of(), List.of(), null, List.of(), "", false, null);
    }

    @ParameterizedTest
    @CsvSource(delimiter = ' ', value = {
        "http://hot:5000 http://hot:5000 /storage/x http://hot:5000/storage/x",
        "http://hot:5000 http://hot:5000 http://hot:5000/storage/x http://hot:5000/storage/x",
        "http://hot:5000 https://hot.example.com /storage/x https://hot.example.com/storage/x",
        "http://hot:5000 https://hot.example.com /storage/x?a=/b&c=%2F https://hot.example.com/storage/x?a=/b&c=%2F",
        "http://hot:5000 https://hot.example.com x https://hot.example.com/v2/app/blobs/x",
        "http://hot:5000 https://hot.example.com ./x?y https://hot.example.com/v2/app/blobs/x?y",
        "http://hot:5000 https://hot.example.com ../x https://hot.example.com/v2/app/x",
        "http://hot:5000 https://hot.example.com ../../../../../x https://hot.example.com/x",
        "http://hot:5000 https://hot.example.com sha256:1?node=2 https://hot.example.com/v2/app/blobs/sha256:1?node=2",
        "http://hot:5000 https://hot.example.com ?node=2 https://hot.example.com/v2/app/blobs/sha256:1?node=2",
        "http://hot:5000 https://hot.example.com //hot:5000/x https://hot.example.com/x",
        "http://hot:5000 https://hot.example.com //host/x http://host/x",
        "https://hot https://hot.example.com //host:1/x https://host:1/x",
        "http://hot:5000 https://hot.example.com http://hot:5000/x?y#z https://hot.example.com/x?y",
        "http://hot:5000 https://hot.example.com HTTP://HOT:5000/x https://hot.example.com/x",
        "http://hot https://hot.example.com http://hot:80/x https://hot.example.com/x",
        "https://hot https://hot.example.com https://hot:443 https://hot.example.com/",
        // Another port, or another scheme, is another server.
        "http://hot:5000 https://hot.example.com http://hot:9000/x http://hot:9000/x",
        "https://hot https://hot.example.com http://hot/x http://hot/x",
        "http://hot:5000 https://hot.example.com https://storage/x/../y#z https://storage/x/../y#z",
        "http://hot:5000 https://hot.example.com https://me:pw@storage/x https://me:pw@storage/x",
        // Paths of the addresses.
        "http://hot/a https://hot.example.com/b /a/x https://hot.example.com/b/x",
        "http://hot/a https://hot.example.com /a/x https://hot.example.com/x",
        "http://hot/a https://hot.example.com/b /ab/x https://hot.example.com/ab/x",
        "http://hot/a https://hot.example.com/b /storage/x https://hot.example.com/storage/x",
        "http://hot/a https://hot.example.com/b x https://hot.example.com/b/v2/app/blobs/x",
        "http://hot/a https://hot.example.com/b http://hot/a?x https://hot.example.com/b?x",
        "http://hot https://hot.example.com/b /storage/x https://hot.example.com/b/storage/x",
        "http://[::1]:5000 https://hot.example.com http://[::1]:5000/x https://hot.example.com/x",
    })
    void clientsAreSentWhereTheyCanReach(String url, String publicUrl, String location, String sent) throws RegistryTroubleException {
        assertEquals(sent, Locations.forClient(settings(url, publicUrl), PATH, location));
    }

    @ParameterizedTest
    @ValueSource(strings = {"https://my_bucket.storage/a|b{c}\"^`\\<> %zz?sig=a|b%2&x={\u00e9\u0080\u00ff}", "https://storage?x", "https://storage:443/%", "https://storage:/x"})
    void anotherHostsLocationIsHandedOnAsItIs(String location) throws RegistryTroubleException {
        assertEquals(location, Locations.forClient(settings("http://hot", "https://hot.example.com"), PATH, location));
    }

    @ParameterizedTest
    @ValueSource(strings = {"ftp://[x", "ftp://x/y", "https:///x", "https:x", "http:/x", "http://", "http://a b/x", "http://h:99999/x", "http://h:x/y", "http://[x]/y", "//", "///x",
        "http://h/\r\nx", "/x\ty", "http://%31/x", "http://h\\@x/y"})
    void whatLeadsNowhereIsTrouble(String location) {
        assertThrows(RegistryTroubleException.class, () -> Locations.forClient(settings("http://hot", "https://hot.example.com"), PATH, location));
    }

    @Test
    void noneOrAnEmptyOneIsTrouble() {
        assertThrows(RegistryTroubleException.class, () -> Locations.forClient(settings("http://hot", "http://hot"), PATH, null));
        assertThrows(RegistryTroubleException.class, () -> Locations.forClient(settings("http://hot", "http://hot"), PATH, ""));
    }

    /** What a server takes as it is stays as it is; it may be signed. */
    @Test
    void onlyWhatCannotBeSentIsEncoded() throws RegistryTroubleException {
        Location from = new Location("http", "hot", -1, PATH);
        Location place = Locations.resolve("hot", from, "https://me@my_bucket:9000/a|b{c}\"^`\\<> %zz?sig=\u00c3\u00a9#x");
        assertEquals("/a|b{c}\"^`\\<>%20%zz?sig=%C3%A9", place.requestTarget());
        assertEquals("my_bucket", place.host());
        assertEquals(9000, place.port());
    }

    @ParameterizedTest
    @CsvSource(delimiter = ' ', value = {"/v2/app/blobs/sha256:HEX app", "/mirror/v2/a/b/blobs/sha256:HEX?x=/y a/b", "/v2/app/manifests/1 app", "/v2/app/tags/list app",
        "/storage/v2/x null", "/v2/ null", "/storage/app/blobs/sha256:HEX null", "/x?/v2/app/manifests/1 null"})
    void aPathOfTheApiIsKnown(String target, String repository) {
        ApiPath api = new Location("http", "h", -1, target.replace("HEX", "a".repeat(64))).api();
        if (repository.equals("null")) {
            assertNull(api);
        } else {
            assertEquals(repository, api.repository().value());
        }
    }
}
