package io.mirrorregistry.registry;

import io.mirrorregistry.config.Networks;
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
final class AddressGuard implements DnsResolver, ExecChainHandler {

    /** Kinds of addresses that mean another machine to each who uses them. */
    enum Place {
        /** This machine; 0.0.0.0 and :: lead there too. */
        LOOPBACK("a loopback address"),
        /** This network segment, where the metadata services of most clouds are. */
        LINK_LOCAL("a link-local address"),
        /** The metadata services of clouds that are elsewhere. */
        METADATA("the metadata service of a cloud");

        /** AWS by IPv6, Alibaba Cloud, Azure. */
        private static final Set<InetAddress> METADATA_SERVICES = Set.of(literal("fd00:ec2::254"), literal("100.100.100.200"), literal("168.63.129.16"));

        private final String description;

        Place(String description) {
            this.description = description;
        }

        /** Returns the place of an address; null for any other. */
        static Place of(InetAddress address) {
            InetAddress plain = plain(address);
            byte[] bytes = plain.getAddress();
            if (plain.isLoopbackAddress() || plain.isAnyLocalAddress() || bytes.length == 4 && bytes[0] == 0) {
                return LOOPBACK;
            }
            return plain.isLinkLocalAddress() ? LINK_LOCAL : METADATA_SERVICES.contains(plain) ? METADATA : null;
        }

        private static InetAddress literal(String address) {
            return Networks.address(address);
        }
    }

    /** The mirror does not call this address, whoever names it. */
    static final class RefusedAddressException extends UnknownHostException {

        private RefusedAddressException(String message) {
            super(message);
        }
    }

    /** Programs read such a host as an IPv4 address, each in its own way: 127.1, 0x7f000001. */
    private static final Pattern ODD_ADDRESS = Pattern.compile("(?i)(.*\\.)?(0x[0-9a-f]*|[0-9]+)");

    private final MirrorIdentity self;
    private final DnsResolver dns;
    private final String ownHost;
    private final int ownPort;
    /** Where the registry's own host is, as first looked up: a registry must not change its mind later. Null before. */
    private volatile Set<Place> ownPlaces;

    /**
     * @param url the registry's own
     * @param dns looks names up
     */
    AddressGuard(URI url, MirrorIdentity self, DnsResolver dns) {
        this.self = self;
        this.dns = dns;
        this.ownHost = bare(url.getHost());
        this.ownPort = RegistryClient.port(url);
    }

    /** Returns the IPv4 address where it is written as IPv6, and any other address as it is. */
    static InetAddress plain(InetAddress address) {
        try {
            return InetAddress.getByAddress(address.getAddress());
        } catch (UnknownHostException e) {
            return address;
        }
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
                ownPlaces = own == null ? EnumSet.noneOf(Place.class) : places(own);
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
        Place place = Place.of(address);
        return place == null || own().contains(place) ? null : place.description;
    }

    private Set<Place> own() {
        if (ownPlaces == null) {
            try {
                resolve(ownHost);
            } catch (UnknownHostException e) {
                return Set.of();
            }
        }
        return ownPlaces;
    }

    private static Set<Place> places(InetAddress... addresses) {
        Set<Place> places = EnumSet.noneOf(Place.class);
        for (InetAddress address : addresses) {
            if (Place.of(address) != null) {
                places.add(Place.of(address));
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
