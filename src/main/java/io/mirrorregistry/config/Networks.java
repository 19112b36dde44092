package io.mirrorregistry.config;

import io.netty.handler.ipfilter.IpFilterRuleType;
import io.netty.handler.ipfilter.IpSubnetFilterRule;
import io.netty.util.NetUtil;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.UnknownHostException;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;

/** Ranges of IP addresses. No name is ever looked up. */
public final class Networks {

    /** None at all. */
    public static final Networks NONE = new Networks("", List.of());

    private final String text;
    private final List<IpSubnetFilterRule> ranges;

    private Networks(String text, List<IpSubnetFilterRule> ranges) {
        this.text = text;
        this.ranges = List.copyOf(ranges);
    }

    /**
     * Reads a list such as {@code 10.0.0.0/8, 192.0.2.7, 2001:db8::/32}; empty parts are skipped.
     *
     * @throws IllegalArgumentException for a part that is no address and no range; the message is a sentence that names the part
     */
    public static Networks parse(String text) {
        return parse(text, part -> new IllegalArgumentException(part + " is no IP address and no range of addresses"));
    }

    /**
     * Reads a setting that is such a list.
     *
     * @throws InvalidSettingException for what is no such list
     */
    static Networks read(SettingValues values, String setting) throws InvalidSettingException {
        return parse(values.value(setting), part -> values.invalid(setting,
                "it is a list of IP addresses and ranges with commas between, such as 10.0.0.0/8, 192.0.2.7; " + part + " is none"));
    }

    private static <E extends Exception> Networks parse(String text, Function<String, E> refusal) throws E {
        List<IpSubnetFilterRule> ranges = new ArrayList<>();
        for (String part : text.split(",")) {
            if (!part.isBlank()) {
                IpSubnetFilterRule range = range(part.strip());
                if (range == null) {
                    throw refusal.apply(part.strip());
                }
                ranges.add(range);
            }
        }
        return new Networks(text, ranges);
    }

    private static IpSubnetFilterRule range(String text) {
        int slash = text.indexOf('/');
        // An address rather than its text: Netty would look up a name.
        InetAddress first = address(slash < 0 ? text : text.substring(0, slash));
        if (first == null) {
            return null;
        }
        int most = first.getAddress().length * 8;
        String bits = slash < 0 ? String.valueOf(most) : text.substring(slash + 1);
        boolean number = bits.matches("[0-9]{1,3}") && Integer.parseInt(bits) <= most;
        return number ? new IpSubnetFilterRule(first, Integer.parseInt(bits), IpFilterRuleType.ACCEPT) : null;
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
        if (address == null || ranges.isEmpty()) {
            return false;
        }
        InetSocketAddress any = new InetSocketAddress(address, 0);
        return ranges.stream().anyMatch(range -> range.matches(any));
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof Networks networks && text.equals(networks.text);
    }

    @Override
    public int hashCode() {
        return text.hashCode();
    }

    /** Returns the list as it was written. */
    @Override
    public String toString() {
        return text;
    }
}
