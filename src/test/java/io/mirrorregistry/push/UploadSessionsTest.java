package io.mirrorregistry.push;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.mirrorregistry.protocol.ErrorCode;
import io.mirrorregistry.protocol.ProtocolException;
import io.mirrorregistry.protocol.RepositoryName;
import java.time.Duration;
import java.time.Instant;
import java.util.HashSet;
import java.util.Random;
import java.util.Set;
import java.util.UUID;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class UploadSessionsTest {

    private static final String SECRET = "a secret of the tests";
    private static final RepositoryName NAME = new RepositoryName("team/app");
    private static final String LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

    private Instant now = Instant.parse("2026-01-01T00:00:00Z");
    private final UploadSessions sessions = new UploadSessions(SECRET, 4096, () -> now);

    private UploadSession session(String location) {
        return new UploadSession(UUID.fromString("11111111-2222-3333-4444-555555555555"), "cold", location, new RepositoryName("mirror/team/app"), NAME.value(), "alice", now, 4096,
                true);
    }

    private UploadSession session() {
        return session("/v2/mirror/team/app/blobs/uploads/abc?_state=xyz");
    }

    private static void refuses(UploadSessions by, String text, String name) {
        ProtocolException refused = assertThrows(ProtocolException.class, () -> by.open(text, new RepositoryName(name)), text);
        assertEquals(ErrorCode.BLOB_UPLOAD_UNKNOWN, refused.code());
        // Nobody learns from it why.
        assertEquals(UploadSessions.unknown().getMessage(), refused.getMessage());
        assertNull(refused.detail());
    }

    private void refuses(String text) {
        refuses(sessions, text, NAME.value());
    }

    @Test
    void anyReplicaWithTheSecretOpensIt() throws Exception {
        String sealed = sessions.seal(session());
        assertTrue(sealed.matches("[A-Za-z0-9_-]+"), sealed);
        assertEquals(session(), new UploadSessions(SECRET, 4096, () -> now).open(sealed, NAME));
        assertEquals(session(), sessions.open(sealed, NAME));
    }

    @Test
    void nobodyReadsItWithoutTheSecret() {
        String sealed = sessions.seal(session());
        refuses(new UploadSessions("another secret of the tests", 4096, () -> now), sealed, NAME.value());
        refuses(new UploadSessions(null, 4096, () -> now), sealed, NAME.value());
        refuses(new UploadSessions(null, 4096, () -> now), new UploadSessions(null, 4096, () -> now).seal(session()), NAME.value());
    }

    /** Every character, and every other character in its place; in texts of each length, whose last characters have unused bits or none. */
    @ParameterizedTest
    @ValueSource(strings = {"/a", "/ab", "/abc"})
    void aChangedCharacterIsUnknown(String location) {
        String sealed = sessions.seal(session(location));
        for (int i = 0; i < sealed.length(); i++) {
            for (char other : LETTERS.toCharArray()) {
                if (other != sealed.charAt(i)) {
                    refuses(sealed.substring(0, i) + other + sealed.substring(i + 1));
                }
            }
        }
    }

    @Test
    void whatIsCutOrLongerIsUnknown() {
        String sealed = sessions.seal(session("/x"));
        for (int i = 0; i < sealed.length(); i++) {
            refuses(sealed.substring(0, i));
            refuses(sealed.substring(i + 1));
        }
        refuses(sealed + "A");
        refuses(sealed + "=");
        refuses(sealed + "==");
        refuses(sealed + sealed);
        refuses("A" + sealed);
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "A", "x", "====", "%41", "a.b", "a b", "ä", "\u0000", "uploads", "11111111-2222-3333-4444-555555555555", "../../x", "{{mirror.secret}}"})
    void whatIsNoneIsUnknown(String text) {
        refuses(text);
    }

    @Test
    void bytesOfNobodyAreUnknown() {
        Random random = new Random(17);
        for (int i = 0; i < 200; i++) {
            StringBuilder text = new StringBuilder();
            random.ints(i * 7L + 1, 0, LETTERS.length()).forEach(letter -> text.append(LETTERS.charAt(letter)));
            refuses(text.toString());
        }
        refuses("A".repeat(100_000));
    }

    @Test
    void anotherRepositoryIsUnknown() {
        String sealed = sessions.seal(session());
        for (String name : new String[] {"team/other", "team/app2", "app", "mirror/team/app"}) {
            refuses(sessions, sealed, name);
        }
    }

    @Test
    void itEndsAfterADay() throws Exception {
        UploadSession began = session();
        String sealed = sessions.seal(began);
        now = now.plus(Duration.ofHours(24));
        assertEquals(began, sessions.open(sealed, NAME));
        now = now.plusSeconds(1);
        refuses(sealed);
    }

    /** The time is that of its beginning, however often it goes on. */
    @Test
    void itDoesNotBeginAnewWithEachChunk() throws Exception {
        UploadSession began = session();
        for (int i = 0; i < 24; i++) {
            now = now.plus(Duration.ofHours(1));
            began = sessions.open(sessions.seal(began.at("/next", i, false)), NAME);
        }
        String sealed = sessions.seal(began);
        now = now.plusSeconds(1);
        refuses(sealed);
    }

    @Test
    void oneFromTheFutureIsUnknownBeyondWhatClocksDiffer() throws Exception {
        UploadSession began = session();
        String sealed = sessions.seal(began);
        now = now.minus(Duration.ofMinutes(5));
        assertEquals(began, sessions.open(sealed, NAME));
        now = now.minusSeconds(1);
        refuses(sealed);
    }

    @Test
    void longAddressesOfRegistriesHavePlace() throws Exception {
        Random random = new Random(17);
        StringBuilder location = new StringBuilder("https://storage.example.com/upload?signature=");
        while (location.length() < 4096) {
            location.append(LETTERS.charAt(random.nextInt(LETTERS.length())));
        }
        UploadSession session = session(location.toString());
        UploadSessions longer = new UploadSessions(SECRET, 8192, () -> now);
        assertEquals(session, longer.open(longer.seal(session), NAME));
        assertNull(sessions.seal(session));
        while (location.length() < 8192) {
            location.append(LETTERS.charAt(random.nextInt(LETTERS.length())));
        }
        assertNull(longer.seal(session(location.toString())));
    }

    @Test
    void theSameUploadIsNeverSealedAlike() {
        Set<String> all = new HashSet<>();
        for (int i = 0; i < 1000; i++) {
            assertTrue(all.add(sessions.seal(session())));
        }
        assertNotEquals(sessions.seal(session()).substring(0, 16), sessions.seal(session()).substring(0, 16));
    }

    @Test
    void logsTellNoAddress() {
        assertFalse(session().toString().contains("_state"), session().toString());
    }

    /** The mirror refuses a longer line with 414, after the upload has begun. */
    @ParameterizedTest
    @ValueSource(ints = {512, 4096, 8192})
    void eachAddressFitsIntoTheLineOfARequest(int longestLine) {
        UploadSessions bounded = new UploadSessions(SECRET, longestLine, () -> now);
        Random random = new Random(5);
        int sealed = 0;
        int longest = 0;
        for (int length = 0; length < longestLine; length++) {
            // Cannot be compressed.
            StringBuilder location = new StringBuilder("/v2/");
            random.ints(length, 0, LETTERS.length()).forEach(letter -> location.append(LETTERS.charAt(letter)));
            String text = bounded.seal(session(location.toString()));
            if (text != null) {
                sealed++;
                longest = Math.max(longest, ("PATCH /v2/" + NAME + "/blobs/uploads/" + text + "?digest=sha512%3A" + "a".repeat(128) + " HTTP/1.1\r\n").length());
            }
        }
        assertTrue(longest <= longestLine && longest > longestLine - 3, longest + " of " + longestLine);
        assertTrue(sealed < longestLine);
    }
}
