package io.mirrorregistry.protocol;

import java.net.URI;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The host and the port of a URL, also where the host's name has an underscore. Networks of docker and compose have such names, and every
 * resolver takes them; {@link URI} reads them as an authority without a host.
 */
public final class UrlHost {

    private static final int LONGEST = 253;
    private static final String LABEL = "[A-Za-z0-9_](?:[A-Za-z0-9_-]*[A-Za-z0-9_])?";
    /** An account, a host, a port. */
    private static final Pattern AUTHORITY = Pattern.compile("(?:([^@]*)@)?(" + LABEL + "(?:\\." + LABEL + ")*\\.?)(?::([0-9]{1,5}))?");

    private UrlHost() {
    }

    /** Returns the host as it is written; null if there is none. */
    public static String of(URI url) {
        Matcher authority = authority(url);
        return url.getHost() != null || authority == null ? url.getHost() : authority.group(2);
    }

    /** Returns the port; -1 if there is none. */
    public static int port(URI url) {
        Matcher authority = authority(url);
        return authority == null || authority.group(3) == null ? url.getPort() : Integer.parseInt(authority.group(3));
    }

    /** Returns what is before the host, as it is written; null if there is nothing. */
    public static String userInfo(URI url) {
        Matcher authority = authority(url);
        return authority == null ? url.getRawUserInfo() : authority.group(1);
    }

    /**
     * Returns a URL that stands for another one whose host has an underscore, for programs that read the host by {@link URI#getHost}. No resolver
     * knows its host. A URL without an underscore stands for itself.
     */
    public static URI standIn(URI url) {
        if (url.getHost() != null || of(url) == null) {
            return url;
        }
        return URI.create(url.getScheme() + "://host-" + of(url).replace('_', 'u') + ".invalid" + (port(url) < 0 ? "" : ":" + port(url)) + url.getRawPath());
    }

    /** Returns the URL, or where its host and port are those of the stand-in of another URL, the one that it stands for. */
    public static URI original(URI url, URI other) {
        URI standIn = standIn(other);
        if (standIn == other || !standIn.getRawAuthority().equalsIgnoreCase(url.getRawAuthority())) {
            return url;
        }
        return URI.create(other.getScheme() + "://" + other.getRawAuthority() + url.getRawPath() + (url.getRawQuery() == null ? "" : "?" + url.getRawQuery()));
    }

    /** Returns the parts of an authority that {@link URI} does not take apart; null for any other. */
    private static Matcher authority(URI url) {
        if (url.getHost() != null || url.getRawAuthority() == null) {
            return null;
        }
        Matcher authority = AUTHORITY.matcher(url.getRawAuthority());
        return authority.matches() && authority.group(2).indexOf('_') >= 0 && authority.group(2).length() <= LONGEST ? authority : null;
    }
}
