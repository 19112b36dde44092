package io.mirrorregistry.registry.auth;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.mirrorregistry.protocol.RepositoryName;
import java.util.List;
import org.junit.jupiter.api.Test;

class TokenScopeTest {

    private static final RepositoryName APP = new RepositoryName("team/app");

    @Test
    void saysWhatATokenIsToAllow() {
        assertEquals("repository:team/app:pull", TokenScope.pull(APP).text());
        assertEquals("repository:team/app:pull,push", TokenScope.push(APP, null, false).text());
        assertEquals("repository:team/app:pull,push,delete", TokenScope.push(APP, null, true).text());
        assertEquals(List.of("repository:team/app:pull,push", "repository:base:pull"), TokenScope.push(APP, new RepositoryName("base"), false).parts());
        assertEquals(TokenScope.push(APP, null, false), TokenScope.push(APP, APP, false));
    }

    @Test
    void aCallOfNoRepositoryHasNone() {
        assertEquals(TokenScope.NONE, TokenScope.pull(null));
        assertTrue(TokenScope.NONE.isNone());
        assertEquals(List.of(), TokenScope.NONE.parts());
        assertFalse(TokenScope.pull(APP).isNone());
    }

    @Test
    void knowsWhatIsForAPush() {
        assertTrue(TokenScope.push(APP, new RepositoryName("base"), false).isPush());
        assertFalse(TokenScope.pull(new RepositoryName("pull/push")).isPush());
    }
}
