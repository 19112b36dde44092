package io.mirrorregistry.work;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.ArrayList;
import java.util.List;
import java.util.function.IntConsumer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class FatalErrorsTest {

    private final IntConsumer halt = FatalErrors.exit;
    private final List<Integer> codes = new ArrayList<>();

    @BeforeEach
    void doNotEndTheTests() {
        FatalErrors.exit = codes::add;
    }

    @AfterEach
    void restore() {
        FatalErrors.exit = halt;
    }

    @Test
    void endsTheProcessWhereverInTheChainOfCausesTheErrorIs() {
        FatalErrors.check(new OutOfMemoryError("test"));
        FatalErrors.check(new RuntimeException(new Exception(new InternalError("test"))));
        assertEquals(List.of(3, 3), codes);
    }

    @Test
    void goesOnAfterAnyOtherFailure() {
        FatalErrors.check(null);
        FatalErrors.check(new RuntimeException(new StackOverflowError()));
        FatalErrors.check(new NoClassDefFoundError());
        Exception loop = new Exception("a");
        loop.initCause(new Exception("b", loop));
        FatalErrors.check(loop);
        assertEquals(List.of(), codes);
    }
}
