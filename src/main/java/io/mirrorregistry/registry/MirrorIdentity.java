package io.mirrorregistry.registry;

import java.net.InetAddress;
import java.net.NetworkInterface;
import java.net.SocketException;
import java.security.SecureRandom;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * By what a mirror recognizes itself: the ports that it listens on, a pseudonym that its calls carry in {@code Via}, and the request ids
 * that it has made and that are under way. A request that carries one of them was sent by this mirror and came back. Nobody can guess the
 * pseudonym, which is another one after each start. Ids that clients choose do not count: one client may send the same with all its
 * requests. Thread-safe.
 *
 * @see <a href="https://www.rfc-editor.org/rfc/rfc9110#section-7.6.3">RFC 9110, Via</a>
 */
public final class MirrorIdentity {

    private static final String PREFIX = "mirror-registry-";
    private static final Pattern PSEUDONYM = Pattern.compile(PREFIX + "[0-9a-f]{32}");
    /** Mirrors that ask each other in a line; a longer line is taken for a circle. */
    private static final int MOST_MIRRORS = 8;

    private final Set<Integer> ports;
    private final String pseudonym;
    /** The value of Via where the mirror is the first. */
    private final String own;
    private final Set<String> underWay = ConcurrentHashMap.newKeySet();

    /** @param ports the ports that the mirror listens on, at every address of this machine */
    public MirrorIdentity(Integer... ports) {
        this.ports = Set.copyOf(Arrays.asList(ports));
        byte[] random = new byte[16];
        new SecureRandom().nextBytes(random);
        this.pseudonym = PREFIX + HexFormat.of().formatHex(random);
        this.own = "1.1 " + pseudonym;
    }

    /** Returns whether a connection to the address would reach one of the mirror's own ports. */
    public boolean listensOn(InetAddress address, int port) {
        return ports.contains(port) && (AddressPlace.of(address) == AddressPlace.LOOPBACK || isOfThisMachine(address));
    }

    private static boolean isOfThisMachine(InetAddress address) {
        try {
            return NetworkInterface.getByInetAddress(AddressPlace.plain(address)) != null;
        } catch (SocketException e) {
            // Nobody can tell, so it is better not called.
            return true;
        }
    }

    /**
     * Returns the pseudonyms of the mirrors that a request has passed, without whatever else it carries in {@code Via}.
     *
     * @param lines the values of the header
     * @return null for none; otherwise what {@link #via} takes
     * @throws LoopException when this mirror is among them, or they are more than 8
     */
    public String passed(List<String> lines) throws LoopException {
        Set<String> mirrors = new LinkedHashSet<>();
        for (String line : lines) {
            Matcher matcher = PSEUDONYM.matcher(line);
            while (matcher.find() && mirrors.size() <= MOST_MIRRORS) {
                mirrors.add(matcher.group());
            }
        }
        if (mirrors.contains(pseudonym)) {
            throw new LoopException("it was sent by this mirror");
        }
        if (mirrors.size() > MOST_MIRRORS) {
            throw new LoopException("it has passed more than " + MOST_MIRRORS + " mirrors");
        }
        return mirrors.isEmpty() ? null : "1.1 " + String.join(", 1.1 ", mirrors);
    }

    /** Remembers that a request id, made by this mirror, goes out with calls to registries until {@link #ends}. */
    void begins(String requestId) {
        underWay.add(requestId);
    }

    /** Forgets a request id. */
    void ends(String requestId) {
        underWay.remove(requestId);
    }

    /**
     * Recognizes a request that came back by its id, where something on the way has dropped {@code Via}.
     *
     * @param requestId the id that a request came with; null for none
     * @throws LoopException when this mirror has made that id and calls registries for it at this moment
     */
    public void requireNew(String requestId) throws LoopException {
        if (requestId != null && underWay.contains(requestId)) {
            throw new LoopException("its id is under way");
        }
    }

    /**
     * Returns the {@code Via} of a call.
     *
     * @param passed what the request has passed before; null for nothing
     */
    public String via(String passed) {
        return passed == null ? own : passed.contains(pseudonym) ? passed : passed + ", " + own;
    }

    /** A request has come back to a mirror that sent it; the message tells how that was noticed. */
    public static final class LoopException extends Exception {

        private LoopException(String message) {
            super(message, null, false, false);
        }
    }
}
