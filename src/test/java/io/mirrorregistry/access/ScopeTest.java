package io.mirrorregistry.access;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;

class ScopeTest {

    @Test
    void readsSeveralScopesOfSeveralParameters() {
        assertEquals(List.of(new Scope("a", Set.of(Action.PULL)), new Scope("b/c", EnumSet.of(Action.PULL, Action.PUSH)), new Scope("d", Set.of(Action.DELETE))),
                Scope.parse(List.of("repository:a:pull repository:b/c:push,pull", "repository:d:delete,unknown")));
    }

    @Test
    void aNameMayHaveColons() {
        assertEquals(List.of(new Scope("localhost:5000/a", Set.of(Action.PULL))), Scope.parse(List.of("repository:localhost:5000/a:pull")));
    }

    @Test
    void anAsteriskStandsForAllActions() {
        assertEquals(List.of(new Scope("a", EnumSet.allOf(Action.class))), Scope.parse(List.of("repository:a:*")));
    }

    @Test
    void whatIsNotAboutARepositoryIsLeftOut() {
        assertEquals(List.of(), Scope.parse(List.of("", " ", "registry:catalog:*", "repository", "repository:", "repository:a", "repository::pull", ":a:pull", "Repository:a:pull",
                "repository(plugin):a:pull")));
    }
}
