package io.mirrorregistry;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.mirrorregistry.TestMirror.Reply;
import io.mirrorregistry.protocol.MediaTypes;
import io.mirrorregistry.testing.Fault;
import io.mirrorregistry.testing.Image;
import io.mirrorregistry.testing.Kind;
import io.mirrorregistry.testing.TestRegistry;
import io.vertx.core.json.JsonObject;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Tags and referrers of both registries in one list, over real HTTP. */
class ListTest {

    private final TestRegistry hot = TestRegistry.start("hot");
    private final TestRegistry cold = TestRegistry.start("cold");
    private final TestMirror mirror = TestMirror.start("HOT_URL", hot.url(), "COLD_URL", cold.url());

    @AfterEach
    void stop() {
        mirror.close();
        hot.close();
        cold.close();
    }

    private static List<String> tags(Reply reply) {
        assertEquals(200, reply.status(), reply.text());
        return reply.response().headers().firstValue("Content-Type").orElse("").equals("application/json")
                ? new JsonObject(reply.text()).getJsonArray("tags").stream().map(Object::toString).toList() : List.of();
    }

    @Test
    void unitesTheTagsOfBothSortedAndOnce() {
        List.of("2", "b", "both").forEach(tag -> hot.image("library/app", tag));
        List.of("1", "both", "A").forEach(tag -> cold.image("library/app", tag));
        Reply reply = mirror.get("/v2/library/app/tags/list");
        assertEquals(List.of("1", "2", "A", "b", "both"), tags(reply));
        assertEquals("library/app", new JsonObject(reply.text()).getString("name"));
        assertNull(reply.header("Warning"));
        assertNull(reply.header("Link"));
    }

    @Test
    void pagesTheUnionWhateverPagesTheRegistriesHave() {
        for (int i = 0; i < 7; i++) {
            hot.image("library/paged", "h" + i);
            cold.image("library/paged", "c" + i);
        }
        hot.pageSize(2).absoluteLinks();
        cold.pageSize(3);
        List<String> all = new ArrayList<>();
        String next = "/v2/library/paged/tags/list?n=4";
        while (next != null) {
            Reply reply = mirror.get(next);
            all.addAll(tags(reply));
            String link = reply.header("Link");
            next = link == null ? null : link.substring(1, link.indexOf('>'));
            assertTrue(link == null || link.endsWith("; rel=\"next\""), link);
        }
        assertEquals(14, all.size());
        assertEquals(List.copyOf(new TreeSet<>(all)), all);
    }

    @Test
    void knowsTheEdgesOfPaging() {
        hot.image("library/edge", "a");
        cold.image("library/edge", "b");
        assertEquals(List.of(), tags(mirror.get("/v2/library/edge/tags/list?n=0")));
        assertNull(mirror.get("/v2/library/edge/tags/list?n=0").header("Link"));
        assertEquals(List.of("a", "b"), tags(mirror.get("/v2/library/edge/tags/list?n=2")));
        assertNull(mirror.get("/v2/library/edge/tags/list?n=2").header("Link"));
        assertEquals(List.of("b"), tags(mirror.get("/v2/library/edge/tags/list?last=a")));
        assertEquals(List.of(), tags(mirror.get("/v2/library/edge/tags/list?last=zzz%7B%7Bx%7D%7D")));
        for (String n : List.of("-1", "x", "99999999999", "1.5")) {
            Reply refused = mirror.get("/v2/library/edge/tags/list?n=" + n);
            assertEquals(400, refused.status());
            assertTrue(refused.text().contains("PAGINATION_NUMBER_INVALID"));
        }
    }

    @Test
    void givesOneRegistrysTagsWithAWarningWhileTheOtherIsInTrouble() {
        hot.image("library/app", "1");
        cold.fault(Fault.status(500).on(Kind.TAGS));
        Reply reply = mirror.get("/v2/library/app/tags/list");
        assertEquals(List.of("1"), tags(reply));
        assertTrue(reply.header("Warning").startsWith("299 - \"cold"), reply.header("Warning"));
        hot.fault(Fault.status(500).on(Kind.TAGS));
        assertEquals(503, mirror.get("/v2/library/app/tags/list").status());
    }

    @Test
    void tellsAnUnknownRepositoryFromAnOutage() {
        Reply reply = mirror.get("/v2/library/none/tags/list");
        assertEquals(404, reply.status());
        assertTrue(reply.text().contains("NAME_UNKNOWN"));
        for (Fault fault : List.of(Fault.status(500), Fault.html(), Fault.body("{\"tags\":5}"), Fault.body("[]"), Fault.endless())) {
            hot.heal();
            hot.image("library/none", "1");
            hot.fault(fault.on(Kind.TAGS));
            assertEquals(503, mirror.get("/v2/library/none/tags/list").status(), fault.toString());
            hot.remove("library/none", "1");
        }
    }

    @Test
    void stopsAtAListThatGoesRoundInCircles() {
        hot.image("library/circle", "1");
        hot.fault(Fault.header("Link", "</v2/library/circle/tags/list?last=1>; rel=\"next\""));
        cold.image("library/circle", "2");
        Reply reply = mirror.get("/v2/library/circle/tags/list");
        assertEquals(List.of("1", "2"), tags(reply));
        assertNotNull(reply.header("Warning"));
    }

    @ParameterizedTest
    @ValueSource(ints = {404, 401, 403})
    void aNextPageThatIsNotThereIsTroubleAndNoShorterList(int status) {
        List.of("1", "2").forEach(tag -> hot.image("library/torn", tag));
        hot.pageSize(1).fault(Fault.status(status).where(call -> call.query() != null));
        assertEquals(503, mirror.get("/v2/library/torn/tags/list").status());
        cold.image("library/torn", "3");
        Reply reply = mirror.get("/v2/library/torn/tags/list");
        assertTrue(tags(reply).contains("3"), reply.text());
        assertTrue(String.valueOf(reply.header("Warning")).startsWith("299 - \"hot"), reply.header("Warning"));

        Image image = cold.image("library/torn", "4");
        hot.put(image);
        hot.referrer("library/torn", image, "application/signature");
        hot.referrer("library/torn", image, "application/bill");
        Reply referrers = mirror.get("/v2/library/torn/referrers/" + image.digest());
        assertEquals(200, referrers.status());
        assertTrue(String.valueOf(referrers.header("Warning")).startsWith("299 - \"hot"), referrers.header("Warning"));
    }

    private static Set<String> digests(Reply reply) {
        assertEquals(200, reply.status(), reply.text());
        assertEquals(MediaTypes.OCI_INDEX, reply.header("Content-Type"));
        Set<String> digests = new TreeSet<>();
        new JsonObject(reply.text()).getJsonArray("manifests").forEach(d -> digests.add(((JsonObject) d).getString("digest")));
        return digests;
    }

    @Test
    void unitesReferrersByApiAndByTagAndFilters() {
        Image image = hot.image("library/signed", "1");
        cold.put(image);
        Image signature = hot.referrer("library/signed", image, "application/signature");
        Image bill = cold.noReferrersApi().referrer("library/signed", image, "application/bill");
        String path = "/v2/library/signed/referrers/" + image.digest();
        Reply all = mirror.get(path);
        assertEquals(Set.of(signature.digest().value(), bill.digest().value()), digests(all));
        assertNull(all.header("OCI-Filters-Applied"));

        Reply filtered = mirror.get(path + "?artifactType=application/bill");
        assertEquals(Set.of(bill.digest().value()), digests(filtered));
        assertEquals("artifactType", filtered.header("OCI-Filters-Applied"));
        cold.put(signature);
        assertEquals(2, digests(mirror.get(path)).size());
    }

    @Test
    void givesAnEmptyIndexWhereNothingRefersAndWarnsOrFailsInAnOutage() {
        String path = "/v2/library/none/referrers/sha256:" + "a".repeat(64);
        assertEquals(Set.of(), digests(mirror.get(path)));
        hot.fault(Fault.status(500));
        assertEquals(503, mirror.get(path).status());
        cold.image("library/none", "1");
        Reply warned = mirror.get(path);
        assertEquals(Set.of(), digests(warned));
        assertTrue(warned.header("Warning").contains("hot"), warned.header("Warning"));
    }
}
