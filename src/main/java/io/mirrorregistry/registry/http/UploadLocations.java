package io.mirrorregistry.registry.http;

import io.mirrorregistry.config.RegistrySettings;
import io.mirrorregistry.protocol.RepositoryName;
import io.mirrorregistry.registry.RegistryTroubleException;
import io.mirrorregistry.registry.auth.RealmTrust;
import java.net.URI;
import java.net.URISyntaxException;

/**
 * Decides where an upload may go on. Registries send it to their own server, to a name of theirs that only their neighbours know, to their address
 * without TLS, or to another host of theirs; the mirror's account goes along.
 *
 * @see <a href="https://github.com/distribution/distribution/issues/479">distribution/distribution#479</a>
 */
final class UploadLocations {

    private static final String UPLOADS = "/blobs/uploads/";
    private static final String API = "/v2/";

    private final RegistrySettings registry;
    private final Location own;
    private final RealmTrust trust;

    UploadLocations(RegistrySettings registry) {
        this.registry = registry;
        this.own = Location.of(registry.url());
        this.trust = new RealmTrust(registry);
    }

    /**
     * Returns where an upload goes on.
     *
     * @param from where the request went that was answered with the location
     * @param repository the name of the repository there
     * @param location the header's value
     * @throws RegistryTroubleException when it leads nowhere, or where the mirror's account must not be seen
     */
    Location next(Location from, RepositoryName repository, String location) throws RegistryTroubleException {
        Location place = Locations.find(from, location);
        if (place == null) {
            throw refused("the registry sent an upload nowhere");
        }
        return allowed(place, repository);
    }

    /**
     * Returns where a call goes that goes on with an upload.
     *
     * @param target as {@link #text} wrote it
     * @throws RegistryTroubleException when settings have changed so that it may not go there any more
     */
    Location of(String target, RepositoryName repository) throws RegistryTroubleException {
        // Two slashes at its beginning would be read as a host.
        return target.startsWith("/") ? new Location(own.scheme(), own.host(), own.port(), target) : next(own, repository, target);
    }

    /** Returns a place of an upload as a text: path and query at the registry's own server, an absolute URL elsewhere. */
    String text(Location place) {
        return place.isSameServer(own) ? place.target() : place.toString();
    }

    private Location allowed(Location place, RepositoryName repository) throws RegistryTroubleException {
        if (place.isSameServer(own)) {
            return place;
        }
        if (place.scheme().equals("https") && registry.tokenHosts().contains(place.host())) {
            return place;
        }
        String path = place.path();
        if (path.startsWith(own.path() + API) && path.contains(API + repository + UPLOADS)) {
            return new Location(own.scheme(), own.host(), own.port(), place.target());
        }
        if (place.scheme().equals("https") && isTrusted(place)) {
            return place;
        }
        throw refused("the registry sent an upload to " + place.scheme() + "://" + place.host() + ", which must not see the mirror's account; if it may,"
                + " name it in mirror.registry." + registry.name() + ".token-hosts");
    }

    private boolean isTrusted(Location place) {
        try {
            return trust.mayHaveCredentials(new URI(place.server() + "/"));
        } catch (URISyntaxException e) {
            return false;
        }
    }

    private RegistryTroubleException refused(String message) {
        return new RegistryTroubleException(registry.name(), message, RegistryTroubleException.Kind.REFUSED, null);
    }
}
