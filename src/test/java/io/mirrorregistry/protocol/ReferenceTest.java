package io.mirrorregistry.protocol;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;

import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ReferenceTest {

    private static final String SHA256 = "sha256:" + "0a".repeat(32);

    @ParameterizedTest
    @ValueSource(strings = {"latest", "3.20", "_", "sha256", "sha256-0123"})
    void readsATagWhereThereIsNoColon(String value) throws ProtocolException {
        assertEquals(new Tag(value), Reference.parse(value));
    }

    @Test
    void readsADigestWhereThereIsAColon() throws ProtocolException {
        assertEquals(new Digest(SHA256), Reference.parse(SHA256));
        assertEquals(new Digest("sha512:" + "0a".repeat(64)), Reference.parse("sha512:" + "0a".repeat(64)));
    }

    @ParameterizedTest
    @CsvSource(quoteCharacter = '"', value = {
        "\"\", MANIFEST_INVALID",
        ".a, MANIFEST_INVALID",
        "a/b, MANIFEST_INVALID",
        "{{x}}, MANIFEST_INVALID",
        "a%3Ab, MANIFEST_INVALID",
        ":, DIGEST_INVALID",
        "latest:, DIGEST_INVALID",
        "sha256:0, DIGEST_INVALID",
        "md5:0123, DIGEST_INVALID",
        "{{x:y}}, DIGEST_INVALID",
    })
    void namesTheCodeOfWhatItRefuses(String value, ErrorCode code) {
        ProtocolException refused = assertThrows(ProtocolException.class, () -> Reference.parse(value));
        assertEquals(code, refused.code());
        assertEquals(400, refused.code().status());
        assertEquals(value, refused.detail());
    }

    @Test
    void refusesTagsThatAreTooLong() throws ProtocolException {
        assertEquals("a".repeat(128), Reference.parse("a".repeat(128)).value());
        assertThrows(ProtocolException.class, () -> Reference.parse("a".repeat(129)));
    }

    @Property
    void eitherKeepsTheValueOrRefusesIt(@ForAll String value) {
        try {
            assertEquals(value, Reference.parse(value).value());
        } catch (ProtocolException e) {
            assertFalse(Tag.isValid(value) || Digest.isValid(value));
            assertEquals(value, e.detail());
        }
    }
}
