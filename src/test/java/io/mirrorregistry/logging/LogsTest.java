package io.mirrorregistry.logging;

import static org.junit.jupiter.api.Assertions.assertEquals;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.LoggerContext;
import ch.qos.logback.classic.spi.LoggingEvent;
import ch.qos.logback.core.spi.FilterReply;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class LogsTest {

    /** Camel logs failures that a route deals with at debug, and under load sometimes as an error; others are errors. */
    @ParameterizedTest
    @CsvSource({
        "org.apache.camel.processor.errorhandler.DefaultErrorHandler, ERROR, On delivery attempt: 0 caught: x, DENY",
        "org.apache.camel.processor.errorhandler.DefaultErrorHandler, DEBUG, On delivery attempt: 0 caught: x, NEUTRAL",
        "org.apache.camel.processor.errorhandler.DefaultErrorHandler, ERROR, Exhausted after delivery attempt: 1 caught: x, NEUTRAL",
        "io.mirrorregistry.server.AnswerStep, ERROR, On delivery attempt: 0 caught: x, NEUTRAL"})
    void dropsTheFailuresThatCamelWritesAsErrorsThoughARouteDealsWithThem(String logger, String level, String end, FilterReply reply) {
        LoggingEvent event = new LoggingEvent(getClass().getName(), new LoggerContext().getLogger(logger), Level.toLevel(level),
                "Failed delivery for (MessageId: 1-1 on ExchangeId: 1-1). " + end, null, null);
        assertEquals(reply, Logs.WITHOUT_MISLEVELLED.decide(event));
    }

    @ParameterizedTest
    @CsvSource({"Failed to register an accepted channel: [id: 0x1], DENY", "Unknown channel option, NEUTRAL"})
    void dropsALineForEachRefusedConnection(String message, FilterReply reply) {
        LoggingEvent event = new LoggingEvent(getClass().getName(), new LoggerContext().getLogger("io.netty.bootstrap.ServerBootstrap"),
                Level.WARN, message, null, null);
        assertEquals(reply, Logs.WITHOUT_REFUSED.decide(event));
    }
}
