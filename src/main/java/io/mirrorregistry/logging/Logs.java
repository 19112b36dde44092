package io.mirrorregistry.logging;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.LoggerContext;
import ch.qos.logback.classic.PatternLayout;
import ch.qos.logback.classic.spi.Configurator;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.classic.spi.ThrowableProxy;
import ch.qos.logback.core.encoder.Encoder;
import ch.qos.logback.core.encoder.LayoutWrappingEncoder;
import ch.qos.logback.core.filter.Filter;
import ch.qos.logback.core.joran.spi.ConsoleTarget;
import ch.qos.logback.core.spi.ContextAwareBase;
import ch.qos.logback.core.spi.FilterReply;
import io.mirrorregistry.config.Settings.LoggingSettings;
import io.mirrorregistry.work.FatalErrors;
import java.util.List;
import java.util.concurrent.atomic.LongAdder;
import org.slf4j.LoggerFactory;

/** Sets up logback in code: its XML parser costs a tenth of the start. Logback finds this class as a service. */
public final class Logs extends ContextAwareBase implements Configurator {

    /** The name of the thread that checks, starts and stops routes. */
    public static final String ROUTES_THREAD = "routes";
    /** The beginning of the names of threads that rehearse routes, and of the context there: nothing of a rehearsal is logged. */
    public static final String REHEARSAL = "rehearsal";

    private static final String REHEARSAL_OF_CAMEL = "Camel (" + REHEARSAL + ")";

    /** The packages of libraries, and a class that logs as the library's own, which log below warn only at the level trace. */
    private static final List<String> LIBRARIES = List.of("org.apache", "io.netty", "io.vertx", "io.micrometer", "io.prometheus", "io.github.resilience4j",
            "com.github.benmanes", "com.nimbusds", "io.mirrorregistry.reload.StartRoutes");
    private static final List<String> SECRETIVE = List.of("org.apache.hc", "org.apache.camel.component.http", "io.vertx", "io.netty");

    /** A line stays one line, and what a client sends moves no cursor: control characters become question marks. */
    private static final String CONSOLE =
            "%d{yyyy-MM-dd'T'HH:mm:ss.SSSXXX} %-5level %logger{0} %replace(%msg%fields){'[\\p{Cntrl}\\u0080-\\u009f\\u2028\\u2029]','?'}%n";

    /** Steps fail in a rehearsal as they do for clients, and each such line would be taken for a request that failed. */
    private static final Filter<ILoggingEvent> WITHOUT_REHEARSALS = new Filter<>() {
        @Override
        public FilterReply decide(ILoggingEvent event) {
            String thread = event.getThreadName();
            return thread.startsWith(REHEARSAL) || thread.startsWith(REHEARSAL_OF_CAMEL) ? FilterReply.DENY : FilterReply.NEUTRAL;
        }
    };

    /** The lines of Camel's error handler for a failure that a route then deals with. */
    private static final String DEALT_WITH = ". On delivery attempt: ";
    private static final String ERROR_HANDLER = "org.apache.camel.processor.errorhandler.";

    /**
     * Drops what Camel logs at debug and writes as an error now and then: its logger's level is a field that threads change for one line
     * each, so that under load one thread's line gets another's level. A failure that no route deals with has another line.
     */
    static final Filter<ILoggingEvent> WITHOUT_MISLEVELLED = new Filter<>() {
        @Override
        public FilterReply decide(ILoggingEvent event) {
            return event.getLevel() == Level.ERROR && event.getLoggerName().startsWith(ERROR_HANDLER)
                    && event.getFormattedMessage().contains(DEALT_WITH) ? FilterReply.DENY : FilterReply.NEUTRAL;
        }
    };

    /** Drops Netty's line for each connection that is refused at the bound on connections: the mirror warns of them once a minute. */
    static final Filter<ILoggingEvent> WITHOUT_REFUSED = new Filter<>() {
        @Override
        public FilterReply decide(ILoggingEvent event) {
            return event.getLevel() == Level.WARN && event.getLoggerName().equals("io.netty.bootstrap.ServerBootstrap")
                    && event.getFormattedMessage().startsWith("Failed to register an accepted channel") ? FilterReply.DENY : FilterReply.NEUTRAL;
        }
    };

    /**
     * Has {@link FatalErrors} see each failure that is logged. Libraries (Netty's event loop and timer, Vert.x, Camel) catch every error
     * and log it, an OutOfMemoryError as well. A line without a failure costs one comparison.
     */
    private static final Filter<ILoggingEvent> FATAL = new Filter<>() {
        @Override
        public FilterReply decide(ILoggingEvent event) {
            if (event.getThrowableProxy() instanceof ThrowableProxy failure) {
                FatalErrors.check(failure.getThrowable());
            }
            return FilterReply.NEUTRAL;
        }
    };

    private static final LongAdder DROPPED = new LongAdder();

    /** Writes what is logged before the settings are known. */
    @Override
    public ExecutionStatus configure(LoggerContext context) {
        apply(context, new LoggingSettings("info", "json"));
        return ExecutionStatus.DO_NOT_INVOKE_NEXT_IF_ANY;
    }

    /** Writes logs as the settings say from now on. */
    public static void apply(LoggingSettings settings) {
        apply((LoggerContext) LoggerFactory.getILoggerFactory(), settings);
    }

    /** Writes what has been logged, and nothing from now on. */
    public static void finish() {
        ((LoggerContext) LoggerFactory.getILoggerFactory()).stop();
    }

    /** Writes no logs from now on, so that nothing stands between the lines of a command. */
    public static void silence() {
        ((LoggerContext) LoggerFactory.getILoggerFactory()).getLoggerList().forEach(logger -> logger.setLevel(Level.OFF));
    }

    /** Returns how many lines were dropped since the start, because standard output took none. */
    public static long dropped() {
        return DROPPED.sum();
    }

    private static void apply(LoggerContext context, LoggingSettings settings) {
        Logger root = context.getLogger(org.slf4j.Logger.ROOT_LOGGER_NAME);
        root.detachAndStopAllAppenders();
        StandardOutput output = new StandardOutput(encoder(context, settings.format()), ConsoleTarget.SystemOut.getStream(),
                StandardOutput.LONGEST_WAIT, DROPPED);
        output.setContext(context);
        output.addFilter(FATAL);
        output.addFilter(WITHOUT_REHEARSALS);
        output.addFilter(WITHOUT_MISLEVELLED);
        output.addFilter(WITHOUT_REFUSED);
        output.start();
        root.addAppender(output);
        Level level = Level.toLevel(settings.level());
        root.setLevel(level);
        // Libraries log an OutOfMemoryError as a warning, which FATAL has to see even where only errors are written.
        output.addFilter(threshold(level));
        Level seen = level == Level.TRACE ? Level.TRACE : Level.WARN;
        // Libraries log a line for each of their steps, hundreds at a start and dozens for each pull.
        for (String name : LIBRARIES) {
            context.getLogger(name).setLevel(seen);
        }
        // Camel's tracer logs only where a setting has switched it on.
        context.getLogger("org.apache.camel.Tracing").setLevel(level);
        // The HTTP client writes whole headers at the levels below, with Authorization among them. Vert.x writes whole addresses, with what a
        // client has put into the query.
        for (String name : SECRETIVE) {
            context.getLogger(name).setLevel(seen.isGreaterOrEqual(Level.INFO) ? seen : Level.INFO);
        }
        // The pool of connections warns of each connection that a restarted database has closed.
        context.getLogger("com.zaxxer.hikari").setLevel(Level.ERROR);
        // Netty lists the services that it has found, which are the mirror's own.
        context.getLogger("io.netty.bootstrap").setLevel(Level.WARN);
    }

    private static Filter<ILoggingEvent> threshold(Level level) {
        return new Filter<>() {
            @Override
            public FilterReply decide(ILoggingEvent event) {
                return event.getLevel().isGreaterOrEqual(level) ? FilterReply.NEUTRAL : FilterReply.DENY;
            }
        };
    }

    private static Encoder<ILoggingEvent> encoder(LoggerContext context, String format) {
        if (format.equals("json")) {
            JsonLines json = new JsonLines();
            json.setContext(context);
            json.start();
            return json;
        }
        PatternLayout layout = new PatternLayout();
        layout.setContext(context);
        layout.getInstanceConverterMap().put("fields", ConsoleFields::new);
        layout.setPattern(CONSOLE);
        layout.start();
        LayoutWrappingEncoder<ILoggingEvent> console = new LayoutWrappingEncoder<>();
        console.setContext(context);
        console.setLayout(layout);
        console.start();
        return console;
    }
}
