package io.mirrorregistry.logging;

import ch.qos.logback.classic.pattern.ClassicConverter;
import ch.qos.logback.classic.spi.ILoggingEvent;
import java.util.Set;
import org.slf4j.event.KeyValuePair;

/** Writes the fields of a line that its message does not have, each as {@code key=value} after a space. Values with spaces have quotes. */
public final class ConsoleFields extends ClassicConverter {

    /** Every message of a line with one of these has its value as well. */
    private static final Set<String> IN_MESSAGE = Set.of("method", "path", "repository", "reference", "status", "registry", "milliseconds");

    @Override
    public String convert(ILoggingEvent event) {
        StringBuilder fields = new StringBuilder();
        if (event.getKeyValuePairs() != null) {
            for (KeyValuePair pair : event.getKeyValuePairs()) {
                if (pair.value != null && !IN_MESSAGE.contains(pair.key)) {
                    append(fields, pair.key, pair.value.toString());
                }
            }
        }
        String requestId = event.getMDCPropertyMap().get(RouteLines.REQUEST_ID);
        if (requestId != null) {
            append(fields, RouteLines.REQUEST_ID, requestId);
        }
        return fields.toString();
    }

    private static void append(StringBuilder fields, String key, String value) {
        boolean quoted = value.isEmpty() || value.indexOf(' ') >= 0 || value.indexOf('"') >= 0;
        fields.append(' ').append(key).append('=');
        if (quoted) {
            fields.append('"').append(value.replace("\"", "\\\"")).append('"');
        } else {
            fields.append(value);
        }
    }
}
