package io.mirrorregistry.config;

import io.netty.util.NetUtil;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.util.ArrayList;
import java.util.List;

/** Ranges of IP addresses. No name is ever looked up. */
public final class Networks {

    /** None at all. */
    public static final Networks NONE = new Networks(List.of());

    private final List<Range> ranges;

    /** The addresses that have so many bits in common with the first. */
    private record Range(byte[] first, int bits) {

        boolean contains(byte[] address) {
            if (address.length != first.length) {
                return false;
            }
            for (int bit = 0; bit < bits; bit++) {
                int mask = 0x80 >> bit % 8;
                if ((address[bit / 8] & mask) != (first[bit / 8] & mask)) {
                    return false;
                }
            }
            return true;
        }
    }

    private Networks(List<Range> ranges) {
        this.ranges = List.copyOf(ranges);
    }

    /**
     * Reads a list such as {@code 10.0.0.0/8, 192.0.2.7, 2001:db8::/32}.
     *
     * @throws InvalidSettingException for what is no such list
     */
    static Networks read(SettingValues values, String setting) throws InvalidSettingException {
        List<Range> ranges = new ArrayList<>();
        for (String part : values.value(setting).split(",")) {
            if (!part.isBlank()) {
                Range range = range(part.strip());
                if (range == null) {
                    throw values.invalid(setting, "it is a list of IP addresses and ranges with commas between, such as 10.0.0.0/8, 192.0.2.7; "
                            + part.strip() + " is none");
                }
                ranges.add(range);
            }
        }
        return new Networks(ranges);
    }

    private static Range range(String text) {
        int slash = text.indexOf('/');
        InetAddress first = address(slash < 0 ? text : text.substring(0, slash));
        if (first == null) {
            return null;
        }
        int most = first.getAddress().length * 8;
        String bits = slash < 0 ? String.valueOf(most) : text.substring(slash + 1);
        boolean number = bits.matches("[0-9]{1,3}") && Integer.parseInt(bits) <= most;
        return number ? new Range(first.getAddress(), Integer.parseInt(bits)) : null;
    }

    /** Returns the address that a text is; null where it is none, such as a name. An IPv4 address written as IPv6 is an IPv4 address. */
    public static InetAddress address(String text) {
        byte[] bytes = NetUtil.createByteArrayFromIpAddressString(text);
        try {
            return bytes == null ? null : InetAddress.getByAddress(bytes);
        } catch (UnknownHostException e) {
            return null;
        }
    }

    /** Returns whether there are none. */
    public boolean isEmpty() {
        return ranges.isEmpty();
    }

    /** Returns whether an address is in one of the ranges; null is in none. */
    public boolean contain(InetAddress address) {
        return address != null && ranges.stream().anyMatch(range -> range.contains(address.getAddress()));
    }
}
