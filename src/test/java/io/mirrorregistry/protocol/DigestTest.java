package io.mirrorregistry.protocol;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.Tuple;
import net.jqwik.api.constraints.NotEmpty;
import net.jqwik.api.statistics.Statistics;
import net.jqwik.api.statistics.StatisticsReport;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

class DigestTest {

    private static final Pattern SPEC = Pattern.compile("sha256:[a-f0-9]{64}|sha512:[a-f0-9]{128}");
    private static final String HEX_64 = "0123456789abcdef".repeat(4);
    private static final String HEX_128 = HEX_64 + HEX_64;

    @ParameterizedTest
    @MethodSource
    void acceptsBothAlgorithms(String algorithm, String hex) throws ProtocolException {
        Digest digest = Digest.parse(algorithm + ":" + hex);

        assertEquals(algorithm, digest.algorithm());
        assertEquals(hex, digest.hex());
        assertEquals(algorithm + ":" + hex, digest.value());
        assertEquals(algorithm + ":" + hex, digest.toString());
    }

    static Stream<Arguments> acceptsBothAlgorithms() {
        return Stream.of("sha256 " + HEX_64, "sha256 " + "0".repeat(64), "sha256 " + "f".repeat(64), "sha512 " + HEX_128,
                "sha512 " + "a".repeat(128)).map(row -> Arguments.of((Object[]) row.split(" ")));
    }

    @ParameterizedTest
    @MethodSource
    void refusesWhatIsNoDigest(String value) {
        assertFalse(Digest.isValid(value));
        assertThrows(IllegalArgumentException.class, () -> new Digest(value));
        ProtocolException refused = assertThrows(ProtocolException.class, () -> Digest.parse(value));
        assertEquals(ErrorCode.DIGEST_INVALID, refused.code());
        assertEquals(value, refused.detail());
    }

    static Stream<String> refusesWhatIsNoDigest() {
        return Stream.of("", ":", "sha256", "sha256:", "sha512:", HEX_64, ":" + HEX_64, "sha256:" + HEX_64.substring(1),
                "sha256:" + HEX_64 + "0", "sha256:" + HEX_128, "sha512:" + HEX_64, "sha512:" + HEX_128.substring(1),
                "sha512:" + HEX_128 + "0", "SHA256:" + HEX_64, "Sha256:" + HEX_64, "sha256:" + HEX_64.toUpperCase(),
                "sha256-" + HEX_64, "sha256::" + HEX_64.substring(1), "sha256: " + HEX_64.substring(1), " sha256:" + HEX_64,
                "sha256:" + HEX_64 + "\n", "sha256:" + HEX_64.substring(1) + "\n", "sha256:" + HEX_64.substring(1) + "g",
                "sha256:" + HEX_64.substring(1) + "`", "sha256:" + HEX_64.substring(1) + "/",
                "sha256:" + HEX_64.substring(1) + ":",
                "sha256:" + HEX_64.substring(1) + "\u0000", "sha256:" + HEX_64.substring(1) + "\u0430",
                "sha256:" + HEX_64.substring(1) + "\u0661", "sha256:" + HEX_64.substring(1) + "\uff11",
                "sha256:" + HEX_64.substring(3) + "%30", "sha256:../../" + HEX_64.substring(6), "sha256:{{x}}",
                "sha384:" + "0".repeat(96), "sha1:" + "0".repeat(40), "md5:" + "0".repeat(32), "sha256+b64u:" + HEX_64,
                "blake3:" + HEX_64, "\u0455ha256:" + HEX_64);
    }

    @Test
    void computesSha256AsEverybodyDoes() {
        assertEquals("sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
                Digest.ofSha256(new byte[0]).value());
        assertEquals("sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",
                Digest.ofSha256("{}".getBytes(StandardCharsets.US_ASCII)).value());
    }

    @Property(tries = 200)
    void matchesItsContentOnly(@ForAll @NotEmpty byte[] content, @ForAll int bit) throws NoSuchAlgorithmException {
        byte[] other = content.clone();
        other[Math.floorMod(bit / 8, other.length)] ^= (byte) (1 << Math.floorMod(bit, 8));
        byte[] sha512 = MessageDigest.getInstance("SHA-512").digest(content);

        for (Digest digest : List.of(Digest.ofSha256(content), new Digest("sha512:" + HexFormat.of().formatHex(sha512)))) {
            assertTrue(digest.matches(content));
            assertFalse(digest.matches(other));
        }
    }

    @Test
    void aCheckMayGoOnAfterItsResult() {
        byte[] content = "content".getBytes();
        Digest.Check check = Digest.ofSha256(content).check();
        check.update(content, 3);
        assertFalse(check.passes());
        check.update("tent".getBytes(), 4);
        assertTrue(check.passes());
        assertTrue(check.passes());
    }

    @Property(tries = 3000)
    @StatisticsReport(StatisticsReport.StatisticsReportMode.OFF)
    void agreesWithTheSpecOnNearMisses(@ForAll("nearMisses") String value) {
        boolean right = SPEC.matcher(value).matches();
        Statistics.collect(right);
        Statistics.coverage(coverage -> {
            coverage.check(true).percentage(percent -> percent > 10);
            coverage.check(false).percentage(percent -> percent > 10);
        });
        assertEquals(right, Digest.isValid(value));
    }

    @Property(tries = 1000)
    void agreesWithTheSpecOnAnyCharacters(@ForAll String value) {
        assertEquals(SPEC.matcher(value).matches(), Digest.isValid(value));
    }

    @Provide
    Arbitrary<String> nearMisses() {
        Arbitrary<String> start = Arbitraries.frequency(Tuple.of(9, "sha256:"), Tuple.of(9, "sha512:"), Tuple.of(1, "sha384:"),
                Tuple.of(1, "SHA256:"), Tuple.of(1, "sha256"));
        Arbitrary<Integer> longer = Arbitraries.frequency(Tuple.of(8, 0), Tuple.of(1, -1), Tuple.of(1, 1), Tuple.of(1, 64));
        Arbitrary<String> bad = Arbitraries.frequencyOf(Tuple.of(2, Arbitraries.just("")),
                Tuple.of(1, Arbitraries.of("g", "A", "`", "/", ":", "\u0000", "\uff11")));
        Arbitrary<String> hex = Arbitraries.strings().withChars("0123456789abcdef").ofLength(192);
        return Combinators.combine(start, longer, bad, Arbitraries.integers().between(0, 62), hex)
                .as((algorithm, more, spoiler, at, digits) ->
                        algorithm + spoil(digits.substring(0, (algorithm.equals("sha512:") ? 128 : 64) + more), spoiler, at));
    }

    private static String spoil(String hex, String bad, int at) {
        return hex.substring(0, at) + bad + hex.substring(at + bad.length());
    }
}
