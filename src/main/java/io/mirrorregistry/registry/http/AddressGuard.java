package io.mirrorregistry.registry.http;

import io.mirrorregistry.config.Networks;
import io.mirrorregistry.protocol.UrlHost;
import io.mirrorregistry.registry.AddressPlace;
import io.mirrorregistry.registry.MirrorIdentity;
import io.mirrorregistry.registry.RefusedAddressException;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.UnknownHostException;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.regex.Pattern;
import org.apache.hc.client5.http.DnsResolver;
import org.apache.hc.client5.http.classic.ExecChain;
import org.apache.hc.client5.http.classic.ExecChainHandler;
import org.apache.hc.core5.http.ClassicHttpRequest;
import org.apache.hc.core5.http.ClassicHttpResponse;
import org.apache.hc.core5.http.HttpException;

/**
 * Keeps a registry from having the mirror call an address that the registry itself could not reach: by a redirect, a storage of blobs or a
 * token service. Refused are the mirror's own ports, always; loopback and link-local addresses, unless the registry's own URL leads to an
 * address of the same kind. The registry's own host and port are never refused: the operator has set them.
 *
 * <p>The address is checked that a connection is made to, so that a name which changes its address between check and connection is of no
 * use. By way of a proxy, which looks names up itself, only the text of the host can be checked. Thread-safe.
 */
public final class AddressGuard implements DnsResolver, ExecChainHandler {

    /** Programs read such a host as an IPv4 address, each in its own way: 127.1, 0x7f000001. */
    private static final Pattern ODD_ADDRESS = Pattern.compile("(?i)(.*\\.)?(0x[0-9a-f]*|[0-9]+)");

    private final MirrorIdentity self;
    private final DnsResolver dns;
    private final String ownHost;
    private final int ownPort;
    /** Where the registry's own host is, as first looked up: a registry must not change its mind later. Null before. */
    private volatile Set<AddressPlace> ownPlaces;

    /**
     * @param url the registry's own
     * @param dns looks names up
     */
    public AddressGuard(URI url, MirrorIdentity self, DnsResolver dns) {
        this.self = self;
        this.dns = dns;
        this.ownHost = bare(UrlHost.of(url));
        this.ownPort = RegistryClient.port(url);
    }

    /** Looks up for a connection; leaves out addresses that are refused. */
    @Override
    public List<InetSocketAddress> resolve(String host, int port) throws UnknownHostException {
        InetAddress[] found = resolve(host);
        boolean own = isOwn(host, port);
        List<InetSocketAddress> allowed = new ArrayList<>(found.length);
        for (InetAddress address : found) {
            if (own || refusal(address, port) == null) {
                allowed.add(new InetSocketAddress(address, port));
            }
        }
        if (allowed.isEmpty()) {
            throw refused(host, port, refusal(found[0], port));
        }
        return allowed;
    }

    @Override
    public InetAddress[] resolve(String host) throws UnknownHostException {
        InetAddress[] found = dns.resolve(host);
        if (found == null || found.length == 0) {
            throw new UnknownHostException(host);
        }
        if (ownPlaces == null && bare(host).equals(ownHost)) {
            ownPlaces = places(found);
        }
        return found;
    }

    @Override
    public String resolveCanonicalHostname(String host) throws UnknownHostException {
        return dns.resolveCanonicalHostname(host);
    }

    /** Checks the text of a call's host, for calls by way of a proxy. */
    @Override
    public ClassicHttpResponse execute(ClassicHttpRequest request, ExecChain.Scope scope, ExecChain chain) throws IOException, HttpException {
        String host = scope.route.getTargetHost().getHostName();
        int port = scope.route.getTargetHost().getPort();
        if (!isOwn(host, port)) {
            String text = bare(host);
            InetAddress address = address(text);
            if (ownPlaces == null) {
                InetAddress own = address(ownHost);
                ownPlaces = own == null ? EnumSet.noneOf(AddressPlace.class) : places(own);
            }
            String refusal = address != null ? refusal(address, port) : ODD_ADDRESS.matcher(text).matches() ? "an odd address" : null;
            if (refusal != null) {
                throw refused(host, port, refusal);
            }
        }
        return chain.proceed(request, scope);
    }

    private boolean isOwn(String host, int port) {
        return port == ownPort && bare(host).equals(ownHost);
    }

    /** Returns why an address is refused; null where it is not. */
    private String refusal(InetAddress address, int port) {
        if (self.listensOn(address, port)) {
            return "a port of this mirror";
        }
        AddressPlace place = AddressPlace.of(address);
        return place == null || own().contains(place) ? null : place.description();
    }

    private Set<AddressPlace> own() {
        if (ownPlaces == null) {
            try {
                resolve(ownHost);
            } catch (UnknownHostException e) {
                return Set.of();
            }
        }
        return ownPlaces;
    }

    private static Set<AddressPlace> places(InetAddress... addresses) {
        Set<AddressPlace> places = EnumSet.noneOf(AddressPlace.class);
        for (InetAddress address : addresses) {
            if (AddressPlace.of(address) != null) {
                places.add(AddressPlace.of(address));
            }
        }
        return places;
    }

    /** Returns the address that a host is without being looked up; null for a name. */
    private static InetAddress address(String host) {
        return host.equals("localhost") || host.endsWith(".localhost") ? InetAddress.getLoopbackAddress() : Networks.address(host);
    }

    private static String bare(String host) {
        String bare = host.toLowerCase(Locale.ROOT);
        if (bare.startsWith("[") && bare.endsWith("]")) {
            bare = bare.substring(1, bare.length() - 1);
        }
        return bare.endsWith(".") ? bare.substring(0, bare.length() - 1) : bare;
    }

    private static RefusedAddressException refused(String host, int port, String refusal) {
        return new RefusedAddressException("refused to call " + host + ":" + port + ", which leads to " + refusal);
    }
}
