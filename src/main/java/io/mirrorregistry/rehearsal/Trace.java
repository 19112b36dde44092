package io.mirrorregistry.rehearsal;

import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.camel.AsyncCallback;
import org.apache.camel.CamelContext;
import org.apache.camel.Exchange;
import org.apache.camel.Expression;
import org.apache.camel.NamedNode;
import org.apache.camel.Processor;
import org.apache.camel.model.LogDefinition;
import org.apache.camel.spi.InterceptStrategy;
import org.apache.camel.support.processor.DelegateAsyncProcessor;

/** The steps that one rehearsed request has gone through. Thread-safe: steps may run on several threads. */
final class Trace {

    /** A pull of a list takes some hundred steps; a bound for loops and for routes that call each other without end. */
    private static final int MOST_STEPS = 20_000;
    private static final int DEEPEST = 250;
    private static final String PROPERTY = "mirror.rehearsal";

    private final AtomicInteger steps = new AtomicInteger();
    /** The steps that have begun and have not ended, the outermost first. Guarded by itself. */
    private final List<NamedNode> open = new ArrayList<>();
    /** The innermost step of each failure. */
    private final Map<Throwable, NamedNode> failed = Collections.synchronizedMap(new IdentityHashMap<>());
    private final Runnable whenEndless;
    private volatile NamedNode last;
    private volatile NamedNode lastToAnswer;
    private volatile Object body;
    private volatile Object status;
    private volatile boolean outside;
    private volatile boolean over;
    private volatile NamedNode endless;

    /** @param whenEndless runs once when the request goes through steps without end */
    Trace(Runnable whenEndless) {
        this.whenEndless = whenEndless;
    }

    /** Returns the trace that an exchange or its copy carries; null for none. */
    static Trace of(Exchange exchange) {
        return exchange.getProperty(PROPERTY, Trace.class);
    }

    void on(Exchange exchange) {
        exchange.setProperty(PROPERTY, this);
    }

    /** Returns what has every step tell the trace of its request. */
    static InterceptStrategy interceptor() {
        return (camel, node, target, next) -> new Traced(node, target, message(camel, node));
    }

    /** Returns the message of a log step; null for another step. */
    private static Expression message(CamelContext camel, NamedNode node) {
        if (!(node instanceof LogDefinition log) || log.getMessage() == null) {
            return null;
        }
        Expression message = camel.resolveLanguage(log.getLogLanguage() == null ? "simple" : log.getLogLanguage()).createExpression(log.getMessage());
        message.init(camel);
        return message;
    }

    private static final class Traced extends DelegateAsyncProcessor {

        private final NamedNode node;
        /** Evaluated in any case: a log step does so only if its level is logged. */
        private final Expression message;

        Traced(NamedNode node, Processor target, Expression message) {
            super(target);
            this.node = node;
            this.message = message;
        }

        @Override
        public boolean process(Exchange exchange, AsyncCallback callback) {
            Trace trace = Trace.of(exchange);
            if (trace == null) {
                return super.process(exchange, callback);
            }
            if (!trace.enter(node)) {
                // A request that is over never goes on: no thread waits for it.
                return false;
            }
            try {
                if (message != null) {
                    message.evaluate(exchange, String.class);
                }
            } catch (RuntimeException e) {
                trace.leave(node, exchange, e);
                exchange.setException(e);
                callback.done(true);
                return true;
            }
            try {
                return super.process(exchange, doneSync -> {
                    trace.leave(node, exchange, exchange.getException());
                    callback.done(doneSync);
                });
            } catch (RuntimeException | Error e) {
                trace.leave(node, exchange, e);
                throw e;
            }
        }
    }

    private boolean enter(NamedNode node) {
        if (over) {
            return false;
        }
        int deep;
        synchronized (open) {
            open.add(node);
            deep = open.size();
            if (steps.incrementAndGet() > MOST_STEPS || deep > DEEPEST) {
                over = true;
                endless = repeating();
            }
        }
        if (endless != null) {
            whenEndless.run();
            return false;
        }
        last = node;
        return true;
    }

    /** Returns the step that leads back to itself: the one that is open most often, the innermost loop otherwise. */
    private NamedNode repeating() {
        NamedNode most = open.stream().max(Comparator.comparingInt(node -> Collections.frequency(open, node))).orElseThrow();
        if (Collections.frequency(open, most) > 1) {
            return most;
        }
        NamedNode loop = most;
        for (NamedNode node : open) {
            loop = node.getShortName().equals("loop") ? node : loop;
        }
        return loop;
    }

    private void leave(NamedNode node, Exchange exchange, Throwable failure) {
        synchronized (open) {
            open.remove(open.lastIndexOf(node));
        }
        if (failure != null) {
            failed.putIfAbsent(failure, node);
        }
        Object now = exchange.getMessage().getBody();
        Object code = exchange.getMessage().getHeader(Exchange.HTTP_RESPONSE_CODE);
        if (now != body || code != status) {
            body = now;
            status = code;
            lastToAnswer = node;
        }
    }

    /** Notes that a step has called something outside the mirror, whose answer a rehearsal does not know. */
    void outside() {
        outside = true;
    }

    boolean isOutside() {
        return outside;
    }

    /** Ends the request: no further step of it runs. */
    void end() {
        over = true;
    }

    /** Returns the step by which the request goes on without end; null where it does not. */
    NamedNode endless() {
        return endless;
    }

    /** Returns the step that was entered last; null for none. */
    NamedNode last() {
        return last;
    }

    /** Returns the step that has changed the status or the body last; null for none. */
    NamedNode lastToAnswer() {
        return lastToAnswer;
    }

    /** Returns the innermost step that failed with this failure or one of its causes; null if none did. */
    NamedNode stepOf(Throwable failure) {
        NamedNode step = null;
        int causes = 0;
        for (Throwable cause = failure; cause != null && causes < 100; cause = cause.getCause(), causes++) {
            step = failed.getOrDefault(cause, step);
        }
        return step;
    }
}
