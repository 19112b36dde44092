package io.mirrorregistry.registry;

import io.mirrorregistry.config.Networks;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.util.Set;

/** Kinds of addresses that mean another machine to each who uses them. */
public enum AddressPlace {
    /** This machine; 0.0.0.0 and :: lead there too. */
    LOOPBACK("a loopback address"),
    /** This network segment, where the metadata services of most clouds are. */
    LINK_LOCAL("a link-local address"),
    /** The metadata services of clouds that are elsewhere. */
    METADATA("the metadata service of a cloud");

    /** AWS by IPv6, Alibaba Cloud, Azure. */
    private static final Set<InetAddress> METADATA_SERVICES = Set.of(literal("fd00:ec2::254"), literal("100.100.100.200"), literal("168.63.129.16"));

    private final String description;

    AddressPlace(String description) {
        this.description = description;
    }

    /** Returns what the address is, for a message: "a loopback address". */
    public String description() {
        return description;
    }

    /** Returns the place of an address; null for any other. */
    public static AddressPlace of(InetAddress address) {
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

    /** Returns the IPv4 address where it is written as IPv6, and any other address as it is. */
    static InetAddress plain(InetAddress address) {
        try {
            return InetAddress.getByAddress(address.getAddress());
        } catch (UnknownHostException e) {
            return address;
        }
    }
}
