package io.mirrorregistry.registry;

import java.net.URI;
import java.net.URISyntaxException;

/** Reads Location headers. */
public final class Locations {

    private Locations() {
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
                if (http && uri.getHost() != null) {
                    return uri;
                }
            } catch (URISyntaxException e) {
                // told below, without the location: it may carry a signature
            }
        }
        throw new RegistryTroubleException(registry, "redirects to nowhere");
    }
}
