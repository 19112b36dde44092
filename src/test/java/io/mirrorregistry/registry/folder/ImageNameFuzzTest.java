package io.mirrorregistry.registry.folder;

import static org.junit.jupiter.api.Assertions.assertEquals;

import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;

class ImageNameFuzzTest {

    @Property
    void nothingElseThanARefusalComesOfAnyText(@ForAll String text) {
        parse(text);
    }

    @Property
    void nothingElseThanARefusalComesOfTextsThatLookLikeNames(@ForAll("nearlyNames") String text) {
        parse(text);
    }

    @Provide
    Arbitrary<String> nearlyNames() {
        return Arbitraries.strings().withChars("ab1A./:@-_").ofMaxLength(20);
    }

    private static void parse(String text) {
        try {
            ImageName name = ImageName.parse(text);
            assertEquals(name.toString(), name.repository().value() + ":" + name.reference().value());
        } catch (DamagedImageException e) {
            // as expected of most
        }
    }
}
