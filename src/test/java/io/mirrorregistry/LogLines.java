package io.mirrorregistry;

import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.classic.spi.ThrowableProxyUtil;
import ch.qos.logback.core.AppenderBase;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import org.slf4j.LoggerFactory;

/** What a package logs while a test runs, as far as the level of the mirror in the test lets it through. */
final class LogLines extends AppenderBase<ILoggingEvent> implements AutoCloseable {

    private final List<ILoggingEvent> lines = new CopyOnWriteArrayList<>();
    private final Logger logger;

    private LogLines(Logger logger) {
        this.logger = logger;
    }

    static LogLines of(String name) {
        LogLines lines = new LogLines((Logger) LoggerFactory.getLogger(name));
        lines.setContext(lines.logger.getLoggerContext());
        lines.start();
        lines.logger.addAppender(lines);
        return lines;
    }

    /** Returns the messages so far. */
    List<String> lines() {
        return lines.stream().map(ILoggingEvent::getFormattedMessage).toList();
    }

    /** Returns the messages so far of all threads but those whose names begin so. */
    List<String> linesWithout(String threads) {
        return lines.stream().filter(line -> !line.getThreadName().startsWith(threads)).map(ILoggingEvent::getFormattedMessage).toList();
    }

    /** Returns all that the lines so far have: messages, fields and faults. */
    List<String> whole() {
        return lines.stream().map(line -> line.getFormattedMessage() + " " + line.getKeyValuePairs() + " " + line.getMDCPropertyMap() + " "
                + (line.getThrowableProxy() == null ? "" : ThrowableProxyUtil.asString(line.getThrowableProxy()))).toList();
    }

    /** Returns how many messages so far have a stack trace. */
    long stackTraces() {
        return lines.stream().filter(line -> line.getThrowableProxy() != null).count();
    }

    /** Returns the messages so far of one request, by the id that its lines have beside them. */
    List<String> linesOf(String requestId) {
        return lines.stream().filter(line -> line.getKeyValuePairs() != null
                && line.getKeyValuePairs().stream().anyMatch(pair -> pair.key.equals("request_id") && pair.value.equals(requestId)))
                .map(ILoggingEvent::getFormattedMessage).toList();
    }

    /** Returns how many messages so far have this value beside them. */
    long count(String key, Object value) {
        return lines.stream().filter(line -> line.getKeyValuePairs() != null
                && line.getKeyValuePairs().stream().anyMatch(pair -> pair.key.equals(key) && pair.value.equals(value))).count();
    }

    /** Returns the messages so far of one request that a step of a route has logged. */
    List<String> ofRoutes(String requestId) {
        return lines.stream().filter(line -> requestId.equals(line.getMDCPropertyMap().get("request_id"))).map(ILoggingEvent::getFormattedMessage).toList();
    }

    /** Forgets the lines so far. */
    void clear() {
        lines.clear();
    }

    @Override
    protected void append(ILoggingEvent event) {
        event.prepareForDeferredProcessing();
        lines.add(event);
    }

    @Override
    public void close() {
        logger.detachAppender(this);
        stop();
    }
}
