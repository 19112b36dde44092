package io.mirrorregistry.registry.http;

import io.mirrorregistry.registry.RegistryTroubleException;
import java.net.URI;
import java.net.URISyntaxException;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Reads Location headers. */
public final class Locations {

    private static final int LAST_PORT = 65_535;
    /** After the host there may be anything: signatures have characters that no URL should have. So have names of buckets. */
    private static final Pattern ABSOLUTE = Pattern.compile("https?://(?:[^/?#@]*@)?(?:[\\w.-]+|\\[[0-9a-fA-F:.]+])(?::(\\d{1,5}))?(?:[/?#][!-~]*)?");

    private Locations() {
    }

    /** Returns whether a Location, which may be null, can be handed on as it stands. */
    public static boolean isAbsolute(String location) {
        Matcher parts = ABSOLUTE.matcher(location == null ? "" : location);
        return parts.matches() && (parts.group(1) == null || Integer.parseInt(parts.group(1)) <= LAST_PORT);
    }

    /**
     * Makes a Location absolute.
     *
     * @param registry who sent it, for the error
     * @param from what was asked
     * @param location the header's value; may be null
     * @throws RegistryTroubleException when it leads nowhere
     */
    public static URI resolve(String registry, URI from, String location) throws RegistryTroubleException {
        if (location != null && !location.isEmpty()) {
            try {
                URI uri = from.resolve(new URI(location));
                boolean http = "http".equalsIgnoreCase(uri.getScheme()) || "https".equalsIgnoreCase(uri.getScheme());
                if (http && uri.getHost() != null && uri.getPort() <= LAST_PORT) {
                    return uri;
                }
            } catch (URISyntaxException e) {
                // told below, without the location: it may carry a signature
            }
        }
        throw new RegistryTroubleException(registry, "redirects to nowhere");
    }
}
