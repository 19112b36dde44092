package io.mirrorregistry.registry.http;

import io.mirrorregistry.config.RegistrySettings;
import io.mirrorregistry.registry.RegistryTroubleException;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Reads Location headers, as RFC 3986 resolves references, but without asking for characters that are allowed: signatures, and names of
 * buckets and hosts, have others.
 *
 * @see <a href="https://www.rfc-editor.org/rfc/rfc3986#section-5.2">RFC 3986, Relative Resolution</a>
 */
public final class Locations {

    private static final int LAST_PORT = 65_535;
    /** Other words with a colon, such as a digest, begin a relative path, although the RFC takes them for a scheme. */
    private static final Pattern ABSOLUTE = Pattern.compile("((?i:https?)(?=:)|[A-Za-z][A-Za-z0-9+.-]*(?=://)):(.*)", Pattern.DOTALL);
    /** An account before the host is left out where the location is called. */
    private static final Pattern AUTHORITY = Pattern.compile("//(?:[^/?#@\\\\]*@)?([\\w.-]+|\\[[0-9a-fA-F:.]+])(?::(\\d{0,5}))?([/?#].*)?", Pattern.DOTALL);
    private static final Pattern CONTROL = Pattern.compile("[\\x00-\\x1f\\x7f]");

    private Locations() {
    }

    /**
     * Returns what a client is given for a Location that the registry itself has sent. It is handed on as it stands unless it is relative,
     * or leads to the registry's own host while clients know the registry by another address.
     *
     * @param path what was asked for, below the registry's URL
     * @param location the header's value; may be null
     * @throws RegistryTroubleException when it leads nowhere
     */
    public static String forClient(RegistrySettings registry, String path, String location) throws RegistryTroubleException {
        Location own = Location.of(registry.url());
        Location asked = new Location(own.scheme(), own.host(), own.port(), own.path() + path);
        Location place = resolve(registry.name(), asked, location);
        boolean absolute = ABSOLUTE.matcher(location).matches();
        if (!place.isSameServer(own)) {
            return absolute ? location : place.toString();
        }
        if (registry.publicUrl().equals(registry.url())) {
            return absolute ? location : place.toString();
        }
        String below = own.path();
        boolean isBelow = place.path().equals(below) || place.path().startsWith(below + "/");
        // What the registry has beside its own path is on the public host, too, but nobody knows where: the same path is the best guess.
        return isBelow ? registry.publicUrl() + place.target().substring(below.length())
                : Location.of(registry.publicUrl()).server() + place.target();
    }

    /**
     * Makes a Location absolute.
     *
     * @param registry who sent it, for the error
     * @param from what was asked
     * @param location the header's value; may be null
     * @throws RegistryTroubleException when it leads nowhere
     */
    static Location resolve(String registry, Location from, String location) throws RegistryTroubleException {
        Location found = find(from, location);
        if (found == null) {
            // Without the location: it may carry a signature.
            throw new RegistryTroubleException(registry, "redirects to nowhere");
        }
        return found;
    }

    /** Makes a Location, which may be null, absolute; returns null where it leads nowhere. */
    static Location find(Location from, String location) {
        return location == null || location.isEmpty() || CONTROL.matcher(location).find() ? null : resolve(from, location);
    }

    private static Location resolve(Location from, String location) {
        Matcher parts = ABSOLUTE.matcher(location);
        boolean absolute = parts.matches();
        String scheme = absolute ? parts.group(1).toLowerCase(Locale.ROOT) : from.scheme();
        String rest = absolute ? parts.group(2) : location;
        if (rest.startsWith("//")) {
            return scheme.equals("http") || scheme.equals("https") ? withAuthority(scheme, rest) : null;
        }
        return absolute ? null : new Location(scheme, from.host(), from.port(), target(from.path(), withoutFragment(rest)));
    }

    private static Location withAuthority(String scheme, String rest) {
        Matcher parts = AUTHORITY.matcher(rest);
        if (!parts.matches()) {
            return null;
        }
        String digits = parts.group(2) == null ? "" : parts.group(2);
        int port = digits.isEmpty() ? -1 : Integer.parseInt(digits);
        if (port > LAST_PORT) {
            return null;
        }
        String target = withoutFragment(parts.group(3) == null ? "" : parts.group(3));
        return new Location(scheme, parts.group(1), port, target.startsWith("/") ? target : "/" + target);
    }

    private static String withoutFragment(String reference) {
        int end = reference.indexOf('#');
        return end < 0 ? reference : reference.substring(0, end);
    }

    /** Returns the path and query of a reference without a host. */
    private static String target(String from, String reference) {
        if (reference.isEmpty()) {
            return from;
        }
        if (reference.startsWith("?")) {
            return from + reference;
        }
        int end = reference.indexOf('?');
        String path = end < 0 ? reference : reference.substring(0, end);
        String query = end < 0 ? "" : reference.substring(end);
        return withoutDots(path.startsWith("/") ? path : from.substring(0, from.lastIndexOf('/') + 1) + path) + query;
    }

    /** Takes {@code .} and {@code ..} out of an absolute path. */
    private static String withoutDots(String path) {
        if (!path.contains("/.")) {
            return path;
        }
        Deque<String> parts = new ArrayDeque<>();
        String[] all = path.substring(1).split("/", -1);
        for (int i = 0; i < all.length; i++) {
            boolean last = i == all.length - 1;
            if (all[i].equals("..")) {
                parts.pollLast();
            } else if (!all[i].equals(".")) {
                parts.addLast(all[i]);
                continue;
            }
            if (last) {
                parts.addLast("");
            }
        }
        return "/" + String.join("/", parts);
    }

    /** Returns the location of a response that came from elsewhere than the registry, so that it means the same to those who do not know from where. */
    static String absolute(Location from, String location) {
        Location found = ABSOLUTE.matcher(location).matches() ? null : resolve(from, location);
        return found == null ? location : found.toString();
    }
}
