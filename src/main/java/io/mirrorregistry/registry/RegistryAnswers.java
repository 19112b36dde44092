package io.mirrorregistry.registry;

import io.mirrorregistry.protocol.ErrorCode;
import java.time.Duration;
import java.time.Instant;
import java.util.regex.Pattern;
import org.apache.camel.Message;
import org.apache.hc.client5.http.utils.DateUtils;
import org.apache.hc.core5.http.Header;
import org.apache.hc.core5.http.MessageHeaders;

/**
 * What is common to reading any registry's answers.
 *
 * @see <a href="https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3">RFC 9110, Retry-After</a>
 */
public final class RegistryAnswers {

    /**
     * The header, of the mirror's own, by which {@code RegistryClient} tells the routes that a call went out with an
     * Authorization: {@link #BEARER} or {@link #BASIC}. A registry's own header of that name is removed, as of the two names below.
     */
    public static final String AUTHORIZED = "MirrorAuthorized";
    public static final String BEARER = "bearer";
    public static final String BASIC = "basic";

    /**
     * The header, of the mirror's own, that an error response has: {@code false} if nothing in it shows that a registry sent it, although some
     * response of that registry has shown it before.
     */
    public static final String RECOGNIZED = "MirrorRecognized";

    /** The header, of the mirror's own, that a response 401 or 403 has: {@code true} if the registry accepts us all the same. */
    public static final String ACCEPTED = "MirrorAccepted";

    /** The header, likewise, by which {@code RegistryClient} tells the routes that the response came from where the registry redirects. */
    public static final String REDIRECTED = "MirrorRedirected";

    /** The header, which never leaves the mirror, by which a route tells {@code RegistryClient} the {@link Redirects} of a call. */
    public static final String REDIRECTS = "MirrorRedirects";

    /** The header, likewise, by which a route tells it when the registry's patience ends, as {@link System#nanoTime}. */
    public static final String PATIENCE_END = "MirrorPatienceEnd";

    private static final int LOOP_DETECTED = ErrorCode.LOOP_DETECTED.status();
    private static final String CONTENT_LENGTH = "Content-Length";
    /** The most digits of which every number is a long. */
    private static final int MOST_DIGITS = 18;
    private static final int LONGEST_RETRY_AFTER = 40;
    private static final Pattern SECONDS = Pattern.compile("[0-9]{1,9}");
    private static final int LONGEST_VALUE = 255;

    private RegistryAnswers() {
    }

    /**
     * Returns the number that a text of decimal digits stands for; -1 for null and for anything else. {@link Long#parseLong} accepts a
     * sign and digits of other scripts, which other programs read differently.
     */
    public static long digits(String text) {
        if (text == null || text.isEmpty() || text.length() > MOST_DIGITS || !text.chars().allMatch(c -> c >= '0' && c <= '9')) {
            return -1;
        }
        return Long.parseLong(text);
    }

    /** Returns the message's Content-Length in bytes; -1 if there is none, or none that is a number. */
    public static long contentLength(Message message) {
        return digits(message.getHeader(CONTENT_LENGTH, String.class));
    }

    /** Returns whether a Content-Type, which may be null, is that of a web page. No registry sends one; firewalls, portals and proxies do. */
    public static boolean isWebPage(String contentType) {
        if (contentType == null) {
            return false;
        }
        int end = 0;
        while (end < contentType.length() && contentType.charAt(end) != ';' && contentType.charAt(end) != ',') {
            end++;
        }
        String type = contentType.substring(0, end).strip();
        return type.equalsIgnoreCase("text/html") || type.equalsIgnoreCase("application/xhtml+xml");
    }

    /** Returns what an error status says of the one who answers. */
    public static RegistryTroubleException.Kind kind(int status) {
        if (status == 429) {
            return RegistryTroubleException.Kind.THROTTLED;
        }
        if (status == LOOP_DETECTED) {
            // Said by a mirror of a request that came back to it, which is one redirect of many.
            return RegistryTroubleException.Kind.REFUSED;
        }
        return status >= 500 || status == 408 ? RegistryTroubleException.Kind.OUTAGE : RegistryTroubleException.Kind.REFUSED;
    }

    /** Returns whether a header's value may be handed on: printable ASCII of a sane length. */
    public static boolean isPrintable(String value) {
        return value.length() <= LONGEST_VALUE && value.chars().allMatch(c -> c >= ' ' && c < 127);
    }

    /** Returns the first value of a header; null if there is none. */
    public static String value(MessageHeaders message, String name) {
        Header header = message.getFirstHeader(name);
        return header == null ? null : header.getValue();
    }

    /** Returns a Retry-After that may be handed on, or null. */
    public static String retryAfter(Header header) {
        return header == null ? null : retryAfter(header.getValue());
    }

    /**
     * Returns how long a registry wants to be left alone.
     *
     * @param retryAfter a value that {@link #retryAfter(String)} has returned
     * @param now the time of this machine's clock, from which dates count
     */
    public static Duration delay(String retryAfter, Instant now) {
        long seconds = digits(retryAfter);
        Duration delay = seconds >= 0 ? Duration.ofSeconds(seconds) : Duration.between(now, DateUtils.parseStandardDate(retryAfter));
        return delay.isNegative() ? Duration.ZERO : delay;
    }

    /**
     * Returns the value as it may be handed on as Retry-After: seconds that fit into 32 bits, or a date in the future in the one form that may be sent.
     * Returns null for anything else: with a date in the past, such as that of a registry whose clock is slow, clients would ask again at once.
     */
    public static String retryAfter(String value) {
        if (value == null || value.length() > LONGEST_RETRY_AFTER) {
            return null;
        }
        String stripped = value.strip();
        if (SECONDS.matcher(stripped).matches()) {
            return stripped;
        }
        Instant date = DateUtils.parseStandardDate(stripped);
        return date == null || date.isBefore(Instant.now()) ? null : DateUtils.formatStandardDate(date);
    }
}
