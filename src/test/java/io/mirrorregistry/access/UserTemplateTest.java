package io.mirrorregistry.access;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.nimbusds.jose.util.JSONObjectUtils;
import java.text.ParseException;
import org.junit.jupiter.api.Test;

class UserTemplateTest {

    private static String name(String template, String claims) throws InvalidTokenException, ParseException {
        return UserTemplate.parse(template).name(JSONObjectUtils.parse(claims));
    }

    private static String refused(String template, String claims) {
        return assertThrows(InvalidTokenException.class, () -> name(template, claims)).getMessage();
    }

    @Test
    void fillsClaimsIn() throws Exception {
        assertEquals("github:acme/app", name("github:{repository}", "{\"repository\":\"acme/app\"}"));
        assertEquals("a:b:7-true!", name("a:b:{n}-{ok}!", "{\"n\":7,\"ok\":true}"));
        assertEquals("n:9223372036854775807", name("n:{n}", "{\"n\":9223372036854775807}"));
        assertEquals("n:1000", name("n:{n}", "{\"n\":1e3}"));
        assertEquals("n:x y", name("n:{n}", "{\"n\":\"x y\"}"));
        assertEquals("n:{m}", name("n:{n}", "{\"n\":\"{m}\",\"m\":\"other\"}"));
    }

    @Test
    void reachesIntoObjectsWithTheLongestNameFirst() throws Exception {
        String kubernetes = "{\"kubernetes.io\":{\"namespace\":\"build\",\"serviceaccount\":{\"name\":\"runner\"}}}";
        assertEquals("k8s:build:runner", name("k8s:{kubernetes.io.namespace}:{kubernetes.io.serviceaccount.name}", kubernetes));
        assertEquals("n:whole", name("n:{a.b.c}", "{\"a.b.c\":\"whole\",\"a.b\":{\"c\":\"long\"},\"a\":{\"b.c\":\"short\"}}"));
        assertEquals("n:long", name("n:{a.b.c}", "{\"a.b\":{\"c\":\"long\"},\"a\":{\"b.c\":\"short\"}}"));
        assertEquals("n:short", name("n:{a.b.c}", "{\"a.b\":{\"d\":\"long\"},\"a\":{\"b.c\":\"short\",\"b\":{\"c\":\"last\"}}}"));
        assertEquals("n:last", name("n:{a.b.c}", "{\"a.b\":5,\"a\":{\"b\":{\"c\":\"last\"}}}"));
        assertEquals("its claim a.b is missing", refused("n:{a.b}", "{\"a\":\"b\"}"));
    }

    @Test
    void refusesUnfitValuesAndNamesTheClaimOnly() {
        assertEquals("its claim sub is missing", refused("n:{sub}", "{\"Sub\":\"x\"}"));
        assertEquals("its claim sub is missing", refused("n:{sub}", "{\"sub\":null}"));
        assertEquals("its claim sub is empty", refused("n:{sub}", "{\"sub\":\"\"}"));
        for (String value : new String[] {"[]", "[\"x\"]", "{}", "{\"x\":1}"}) {
            assertEquals("its claim sub is no text, number or boolean", refused("n:{sub}", "{\"sub\":" + value + "}"));
        }
        for (String value : new String[] {"1.5", "1e300", "12345678901234567890", "-9007199254740993.0"}) {
            assertEquals("its claim sub is a number with a fraction, or too large to be exact", refused("n:{sub}", "{\"sub\":" + value + "}"));
        }
        for (String character : new String[] {"\\n", "\\u0000", "\\u007f", "\\u0085", "\\u2028", "\\u202e", "\\u200b", "\\ud800"}) {
            assertEquals("its claim sub has a control character", refused("n:{sub}", "{\"sub\":\"a" + character + "b\"}"), character);
        }
        assertEquals("its claim sub makes a user's name of more than 255 characters", refused("n:{sub}", "{\"sub\":\"" + "x".repeat(254) + "\"}"));
    }

    @Test
    void refusesAValueThatCouldPassForTheNextOne() throws Exception {
        String both = "k8s:{ns}:{sa}";
        assertEquals("its claim ns has the character that follows the claim in the user's name", refused(both, "{\"ns\":\"a:b\",\"sa\":\"c\"}"));
        assertEquals("k8s:a:b:c", name(both, "{\"ns\":\"a\",\"sa\":\"b:c\"}"));
        assertEquals("its claim a has the character that follows the claim in the user's name", refused("x:{a}--{b}", "{\"a\":\"1-2\",\"b\":\"c\"}"));
        assertEquals("its claim a has the character that follows the claim in the user's name", refused("x:{a}@corp", "{\"a\":\"x@evil\"}"));
    }
}
