package io.mirrorregistry.protocol;

import io.netty.util.NetUtil;
import java.util.regex.Pattern;

/**
 * The host name of a registry, as it begins the name of an image: {@code docker.io}, {@code localhost:5000}, {@code [::1]:5000}.
 * containerd sends it to a mirror as the query parameter {@code ns}.
 *
 * @param value a host name, an IPv4 address or an IPv6 address in brackets, in lower case, and perhaps a port
 * @see <a href="https://github.com/containerd/containerd/blob/main/docs/hosts.md">containerd's registry hosts</a>
 */
public record Namespace(String value) {

    private static final int MAX_LENGTH = 253;
    private static final int MAX_PORT = 65535;
    private static final String LABEL = "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?";
    private static final Pattern NAME = Pattern.compile(LABEL + "(\\." + LABEL + ")*");
    private static final Pattern IN_BRACKETS = Pattern.compile("\\[[0-9a-f:.]{2,45}]");
    private static final Pattern PORT = Pattern.compile("[0-9]{1,5}");

    /** @throws IllegalArgumentException when the value is no host name */
    public Namespace {
        if (!isValid(value)) {
            throw new IllegalArgumentException("not a host name: " + value);
        }
    }

    /** Returns whether the value is a host name in lower case, perhaps with a port from 1 to 65535. */
    public static boolean isValid(String value) {
        int end = value.startsWith("[") ? value.indexOf(']') + 1 : value.indexOf(':');
        String host = end < 0 ? value : value.substring(0, end);
        String rest = value.substring(host.length());
        return isHost(host) && (rest.isEmpty() || rest.startsWith(":") && isPort(rest.substring(1)));
    }

    /**
     * Returns the text with the letters A to Z in lower case. Other characters stay as they are: {@link String#toLowerCase} makes the
     * Kelvin sign (U+212A) a k, so that a text which is no host name would become one.
     */
    public static String toLowerCase(String text) {
        StringBuilder lower = new StringBuilder(text);
        for (int i = 0; i < lower.length(); i++) {
            char c = lower.charAt(i);
            if (c >= 'A' && c <= 'Z') {
                lower.setCharAt(i, (char) (c + ('a' - 'A')));
            }
        }
        return lower.toString();
    }

    private static boolean isHost(String host) {
        if (host.length() > MAX_LENGTH) {
            return false;
        }
        return NAME.matcher(host).matches()
                || IN_BRACKETS.matcher(host).matches() && NetUtil.isValidIpV6Address(host.substring(1, host.length() - 1));
    }

    private static boolean isPort(String port) {
        return PORT.matcher(port).matches() && Integer.parseInt(port) >= 1 && Integer.parseInt(port) <= MAX_PORT;
    }

    @Override
    public String toString() {
        return value;
    }
}
