package io.mirrorregistry;

import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.UnsynchronizedAppenderBase;
import java.util.function.Consumer;
import org.slf4j.LoggerFactory;

/** Runs something in whichever thread logs, so that a test can hold it or have it fail. */
final class LogHook extends UnsynchronizedAppenderBase<ILoggingEvent> implements AutoCloseable {

    private final Logger logger;
    private final Consumer<String> action;

    private LogHook(Logger logger, Consumer<String> action) {
        this.logger = logger;
        this.action = action;
    }

    /** @param action gets each message; an Error that it throws reaches whoever logs */
    static LogHook on(String name, Consumer<String> action) {
        LogHook hook = new LogHook((Logger) LoggerFactory.getLogger(name), action);
        hook.setContext(hook.logger.getLoggerContext());
        hook.start();
        hook.logger.addAppender(hook);
        return hook;
    }

    @Override
    protected void append(ILoggingEvent event) {
        action.accept(event.getFormattedMessage());
    }

    @Override
    public void close() {
        logger.detachAppender(this);
        stop();
    }
}
