package io.mirrorregistry;

import java.util.function.Supplier;
import org.apache.camel.Exchange;

/** A step of an operator's own that fails in a way that no route expects. */
public final class FailingStep {

    /** What it throws; null for nothing. */
    static volatile Supplier<? extends Error> failure;

    /** Throws, if it is to. */
    public void run() {
        Supplier<? extends Error> now = failure;
        if (now != null) {
            throw now.get();
        }
    }

    /** Throws an exception of the mirror's own. */
    public void explode() {
        throw new IllegalStateException("for this test");
    }

    /** Runs until its thread is interrupted. */
    public void spin() {
        while (!Thread.currentThread().isInterrupted()) {
            Thread.onSpinWait();
        }
    }

    /** Sets a header that throws when it is written. */
    public void poison(Exchange exchange) {
        if (failure != null) {
            exchange.getMessage().setHeader("X-Poison", new Object() {
                @Override
                public String toString() {
                    run();
                    return "harmless";
                }
            });
        }
    }
}
