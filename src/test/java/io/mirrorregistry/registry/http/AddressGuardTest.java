package io.mirrorregistry.registry.http;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.mirrorregistry.registry.MirrorIdentity;
import io.mirrorregistry.registry.RefusedAddressException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.NetworkInterface;
import java.net.URI;
import java.net.UnknownHostException;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.hc.client5.http.DnsResolver;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class AddressGuardTest {

    private static final MirrorIdentity SELF = new MirrorIdentity(5000, 9000);

    private final Map<String, String> names = new HashMap<>(Map.of("registry.example", "192.0.2.7", "storage.example", "192.0.2.8",
            "here.example", "127.0.0.1", "near.example", "169.254.169.254", "far.example", "192.0.2.9"));

    /** Looks up the names above; an address, or several with spaces between, is itself. */
    private final DnsResolver dns = new DnsResolver() {
        @Override
        public InetAddress[] resolve(String host) throws UnknownHostException {
            String[] addresses = names.getOrDefault(host, host).split(" ");
            InetAddress[] found = new InetAddress[addresses.length];
            for (int i = 0; i < addresses.length; i++) {
                found[i] = InetAddress.getByName(addresses[i]);
            }
            return found;
        }

        @Override
        public String resolveCanonicalHostname(String host) {
            return host;
        }
    };

    private AddressGuard guard(String url) {
        return new AddressGuard(URI.create(url), SELF, dns);
    }

    private static void assertRefused(AddressGuard guard, String host, int port) {
        assertThrows(RefusedAddressException.class, () -> guard.resolve(host, port), host + ":" + port);
    }

    @ParameterizedTest
    @ValueSource(strings = {"127.0.0.1", "127.8.9.1", "localhost", "0.0.0.0", "0.1.2.3", "::1", "[::1]", "::", "::ffff:127.0.0.1", "127.1", "2130706433",
        "169.254.169.254", "fd00:ec2::254", "100.100.100.200", "168.63.129.16", "169.254.0.1", "fe80::1", "[febf::1]", "::ffff:169.254.169.254", "here.example", "near.example"})
    void aRegistryElsewhereLeadsToNoLoopbackOrLinkLocalAddress(String host) throws Exception {
        AddressGuard guard = guard("https://registry.example");
        guard.resolve("registry.example", 443);
        assertRefused(guard, host, 80);
        assertRefused(guard("https://192.0.2.7"), host, 80);
    }

    @ParameterizedTest
    @ValueSource(strings = {"192.0.2.9", "10.0.0.1", "172.16.0.1", "192.168.1.1", "100.64.0.1", "fc00::1", "2001:db8::1", "far.example", "storage.example",
        "170.254.1.1", "128.0.0.1", "1.0.0.0"})
    void anyOtherAddressIsAllowed(String host) throws Exception {
        assertEquals(5001, guard("https://registry.example").resolve(host, 5001).get(0).getPort());
    }

    @ParameterizedTest
    @CsvSource({"http://localhost:5001, 127.0.0.1, true", "http://127.0.0.1:5001, localhost, true", "http://[::1]:5001, 127.0.0.1, true",
        "http://here.example:5001, 127.0.0.2, true", "http://127.0.0.1:5001, 169.254.169.254, false", "http://169.254.1.1, 169.254.1.2, true",
        "http://169.254.1.1, 127.0.0.1, false"})
    void aRegistryThatIsThereMayLeadThere(String url, String host, boolean allowed) throws Exception {
        if (allowed) {
            assertEquals(1, guard(url).resolve(host, 80).size());
        } else {
            assertRefused(guard(url), host, 80);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"127.0.0.1", "127.0.0.2", "localhost", "0.0.0.0", "::1", "::", "::ffff:127.0.0.1"})
    void theMirrorsOwnPortsAreRefusedToARegistryThatIsThereToo(String host) {
        for (int port : new int[] {5000, 9000}) {
            assertRefused(guard("http://localhost:5001"), host, port);
            assertRefused(guard("http://127.0.0.1:5001"), host, port);
        }
    }

    @Test
    void theMirrorsOwnPortsAreRefusedAtEachAddressOfThisMachine() throws Exception {
        for (NetworkInterface network : Collections.list(NetworkInterface.getNetworkInterfaces())) {
            for (InetAddress address : Collections.list(network.getInetAddresses())) {
                String host = address.getHostAddress();
                assertRefused(guard("http://localhost:5001"), host, 9000);
                assertRefused(guard("https://registry.example"), host, 5000);
                names.put("me.example", host);
                assertRefused(guard("https://registry.example"), "me.example", 5000);
            }
        }
        // The same ports of another machine are not the mirror's.
        assertEquals(1, guard("http://localhost:5001").resolve("192.0.2.9", 9000).size());
    }

    @Test
    void theRegistrysOwnHostAndPortAreNeverRefused() throws Exception {
        for (String url : List.of("http://localhost:9000", "http://169.254.1.1:80", "http://[::1]:5000", "http://HERE.example.:8080")) {
            URI own = URI.create(url);
            assertTrue(!guard(url).resolve(own.getHost().replaceAll("\\.$", "").toLowerCase(), own.getPort()).isEmpty(), url);
        }
    }

    @Test
    void ofSeveralAddressesTheOthersAreUsed() throws Exception {
        names.put("mixed.example", "127.0.0.1 192.0.2.9 169.254.169.254");
        assertEquals(List.of(new InetSocketAddress(InetAddress.getByName("192.0.2.9"), 80)), guard("https://registry.example").resolve("mixed.example", 80));
    }

    @Test
    void aNameThatChangesItsAddressIsOfNoUse() throws Exception {
        AddressGuard guard = guard("https://registry.example");
        guard.resolve("registry.example", 443);
        guard.resolve("storage.example", 443);
        names.put("storage.example", "127.0.0.1");
        assertRefused(guard, "storage.example", 443);
        // Nor is the registry's own name, once it was somewhere else.
        names.put("registry.example", "127.0.0.1");
        assertRefused(guard, "registry.example", 6379);
        assertRefused(guard, "localhost", 6379);
    }

    @Test
    void theRefusalNamesHostPortAndReason() {
        AddressGuard guard = guard("https://registry.example");
        String message = assertThrows(RefusedAddressException.class, () -> guard.resolve("near.example", 80)).getMessage();
        assertEquals("refused to call near.example:80, which leads to a link-local address", message);
        message = assertThrows(RefusedAddressException.class, () -> guard.resolve("localhost", 9000)).getMessage();
        assertEquals("refused to call localhost:9000, which leads to a port of this mirror", message);
    }
}
