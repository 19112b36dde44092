package io.mirrorregistry.pull;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ListsTest {

    @ParameterizedTest
    @CsvSource(delimiter = '|', nullValues = "-", value = {
        "</v2/a/tags/list?n=2&last=b>; rel=\"next\" | n=2&last=b",
        "</v2/a/tags/list?n=2&last=b>;rel=next | n=2&last=b",
        "<https://elsewhere.example.com/v2/other/tags/list?last=b>; rel=\"next\" | last=b",
        "</first?x=1>; rel=\"first\", </next?x=2>; rel=\"next\" | x=2",
        "</v2/a/tags/list?last={{x}}>; rel=\"next\" | ''",
        "</v2/a/tags/list>; rel=\"next\" | ''",
        "</v2/a/tags/list?n=2>; REL=NEXT | n=2",
        "</v2/a/tags/list?last=b>; rel=\"prev\" | -",
        "</v2/a/tags/list?last=${x}>; rel=\"next\" | ''", "</v2/a/tags/list?last=b c>; rel=\"next\" | ''",
        "</v2/a/tags/list?last=b\tc>; rel=\"next\" | ''", "</v2/a/tags/list?last=b\u0000>; rel=\"next\" | ''",
        "</v2/a/tags/list?last=b\u007f>; rel=\"next\" | ''", "</v2/a/tags/list?last=\u00e4>; rel=\"next\" | ''",
        "</v2/a/tags/list?last=b#c>; rel=\"next\" | ''", "</v2/a/tags/list?last=\"b\">; rel=\"next\" | ''",
        "</v2/a/tags/list?last=<b>; rel=\"next\" | ''", "</v2/a/tags/list?last=b\\c>; rel=\"next\" | ''",
        "</v2/a/tags/list?last=b^c>; rel=\"next\" | ''", "</v2/a/tags/list?last=b`c>; rel=\"next\" | ''",
        "</v2/a/tags/list?>; rel=\"next\" | ''", "</v2/a/tags/list?last=%7B%7Bx%7D%7D>; rel=\"next\" | last=%7B%7Bx%7D%7D",
        "</v2/a/tags/list?next_page=a%2Bb+c&n=2~!$'()*,;:@/?>; rel=\"next\" | next_page=a%2Bb+c&n=2~!$'()*,;:@/?",
        "nonsense | -", "<> | -", "> < | -"})
    void takesOnlyTheQueryOfTheNextPage(String link, String query) {
        assertEquals(query, ListStep.nextQuery(link));
    }

    @Test
    void readsSeveralLinesAndNone() {
        assertEquals("x=2", ListStep.nextQuery(List.of("</a?x=1>; rel=\"first\"", "</a?x=2>; rel=\"next\"")));
        assertEquals(null, ListStep.nextQuery(null));
    }
}
