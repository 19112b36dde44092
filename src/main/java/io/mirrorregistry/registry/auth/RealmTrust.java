package io.mirrorregistry.registry.auth;

import io.mirrorregistry.config.RegistrySettings;
import io.mirrorregistry.protocol.UrlHost;
import java.net.URI;
import java.util.Locale;
import org.apache.hc.client5.http.psl.PublicSuffixMatcher;
import org.apache.hc.client5.http.psl.PublicSuffixMatcherLoader;

/**
 * Decides whether a server, such as a token service, may see our credentials for a registry: one on the registry's own host, on a host of the
 * same registrable domain, or on a host named in {@code token-hosts}; never over http when the registry is on https.
 */
public final class RealmTrust {

    private static final PublicSuffixMatcher SUFFIXES = PublicSuffixMatcherLoader.getDefault();

    private final RegistrySettings registry;

    public RealmTrust(RegistrySettings registry) {
        this.registry = registry;
    }

    /** Returns whether the server at an address may see our credentials. */
    public boolean mayHaveCredentials(URI realm) {
        return isTrustedHost(realm) && ("https".equalsIgnoreCase(realm.getScheme()) || !"https".equals(registry.url().getScheme()));
    }

    /** Returns whether the host may see our credentials over https. */
    boolean isTrustedHost(URI realm) {
        if (UrlHost.of(realm) == null) {
            return false;
        }
        String host = UrlHost.of(realm).toLowerCase(Locale.ROOT);
        String own = UrlHost.of(registry.url()).toLowerCase(Locale.ROOT);
        return host.equals(own) || registry.tokenHosts().contains(host) || sameDomain(host, own);
    }

    private static boolean sameDomain(String host, String own) {
        if (isAddress(host) || isAddress(own)) {
            return false;
        }
        String domain = SUFFIXES.getDomainRoot(own);
        return domain != null && domain.equals(SUFFIXES.getDomainRoot(host));
    }

    private static boolean isAddress(String host) {
        return host.startsWith("[") || Character.isDigit(host.charAt(host.length() - 1));
    }
}
