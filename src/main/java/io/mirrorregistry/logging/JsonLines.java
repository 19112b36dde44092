package io.mirrorregistry.logging;

import ch.qos.logback.classic.encoder.JsonEncoder;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.classic.spi.IThrowableProxy;
import ch.qos.logback.core.encoder.JsonEscapeUtil;
import java.time.Instant;
import org.slf4j.event.KeyValuePair;

/** Logback's JSON with what collectors expect: an ISO time, the message as {@code message}, and fields side by side. */
final class JsonLines extends JsonEncoder {

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
            appenderMember(line, key, Instant.ofEpochMilli(value).toString());
        } else {
            super.appenderMemberWithLongValue(line, key, value);
        }
    }

    /** Collectors take a slash without the backslash that logback puts before it, and so do people. */
    @Override
    protected void appenderMember(StringBuilder line, String key, String value) {
        super.appenderMember(line, key, value.replace("\\/", "/"));
    }

    @Override
    protected void appendThrowableProxy(StringBuilder line, String key, IThrowableProxy throwable) {
        if (throwable != null) {
            super.appendThrowableProxy(line, key, throwable);
        }
    }

    @Override
    protected void appendKeyValuePairs(StringBuilder line, ILoggingEvent event) {
        if (event.getKeyValuePairs() == null) {
            return;
        }
        for (KeyValuePair pair : event.getKeyValuePairs()) {
            if (pair.value != null) {
                line.append(',');
                if (pair.value instanceof Number || pair.value instanceof Boolean) {
                    line.append('"').append(pair.key).append("\":").append(pair.value);
                } else {
                    appenderMember(line, pair.key, JsonEscapeUtil.jsonEscapeString(pair.value.toString()));
                }
            }
        }
    }

    @Override
    protected void appendCustomFields(StringBuilder line, ILoggingEvent event) {
        line.append(',');
        appenderMember(line, "message", JsonEscapeUtil.jsonEscapeString(String.valueOf(event.getFormattedMessage())));
    }
}
