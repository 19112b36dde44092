package io.mirrorregistry.logging;

import ch.qos.logback.classic.encoder.JsonEncoder;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.classic.spi.IThrowableProxy;
import ch.qos.logback.core.encoder.JsonEscapeUtil;
import java.time.Instant;
import org.slf4j.event.KeyValuePair;

/** Logback's JSON with what collectors expect: an ISO time, the message as {@code message}, and fields side by side. */
final class JsonLines extends JsonEncoder {

    /** The time that was written last, without what is below a second. Lines are written one at a time. */
    private long second = Long.MIN_VALUE;
    private String upToSecond;

    JsonLines() {
        setWithSequenceNumber(false);
        setWithNanoseconds(false);
        setWithThreadName(false);
        setWithContext(false);
        setWithMarkers(false);
        setWithMDC(false);
        setWithMessage(false);
        setWithArguments(false);
        setWithFormattedMessage(false);
    }

    @Override
    protected void appenderMemberWithLongValue(StringBuilder line, String key, long value) {
        if (key.equals(TIMESTAMP_ATTR_NAME)) {
            appendTime(line, key, value);
        } else {
            super.appenderMemberWithLongValue(line, key, value);
        }
    }

    private void appendTime(StringBuilder line, String key, long millis) {
        long now = Math.floorDiv(millis, 1000L);
        if (now != second) {
            second = now;
            upToSecond = Instant.ofEpochSecond(now).toString().replace("Z", ".");
        }
        int rest = Math.floorMod(millis, 1000);
        line.append('"').append(key).append("\":\"").append(upToSecond).append((char) ('0' + rest / 100)).append((char) ('0' + rest / 10 % 10))
                .append((char) ('0' + rest % 10)).append("Z\"");
    }

    /** Nearly no text has anything to be escaped. */
    private static String escaped(String text) {
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (c < ' ' || c == '"' || c == '\\' || c > '~') {
                return JsonEscapeUtil.jsonEscapeString(text);
            }
        }
        return text;
    }

    /** Collectors take a slash without the backslash that logback puts before it, and so do people. */
    @Override
    protected void appenderMember(StringBuilder line, String key, String value) {
        super.appenderMember(line, key, value.indexOf('\\') < 0 ? value : value.replace("\\/", "/"));
    }

    @Override
    protected void appendThrowableProxy(StringBuilder line, String key, IThrowableProxy throwable) {
        if (throwable != null) {
            super.appendThrowableProxy(line, key, throwable);
        }
    }

    @Override
    protected void appendKeyValuePairs(StringBuilder line, ILoggingEvent event) {
        appendRequestId(line, event);
        if (event.getKeyValuePairs() == null) {
            return;
        }
        for (KeyValuePair pair : event.getKeyValuePairs()) {
            if (pair.value != null) {
                line.append(',');
                if (pair.value instanceof Number || pair.value instanceof Boolean) {
                    line.append('"').append(pair.key).append("\":").append(pair.value);
                } else {
                    appenderMember(line, pair.key, escaped(pair.value.toString()));
                }
            }
        }
    }

    /** That of a line of a route; the mirror's own lines have it among their fields. */
    private void appendRequestId(StringBuilder line, ILoggingEvent event) {
        String id = event.getMDCPropertyMap().get(RouteLines.REQUEST_ID);
        if (id != null) {
            line.append(',');
            appenderMember(line, RouteLines.REQUEST_ID, escaped(id));
        }
    }

    @Override
    protected void appendCustomFields(StringBuilder line, ILoggingEvent event) {
        line.append(',');
        appenderMember(line, "message", escaped(String.valueOf(event.getFormattedMessage())));
    }
}
