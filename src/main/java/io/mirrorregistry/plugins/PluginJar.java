package io.mirrorregistry.plugins;

import io.mirrorregistry.protocol.Digest;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.util.HashMap;
import java.util.Map;
import java.util.zip.ZipEntry;
import java.util.zip.ZipException;
import java.util.zip.ZipInputStream;

/**
 * A jar as it was read at one moment. Its entries are in memory, because a class loader on a file misreads the file, or ends the process, when the
 * file is overwritten.
 *
 * @param name the jar's name with its folder, such as {@code plugins/x.jar}
 * @param digest the digest of the file
 * @param entries the entries' content by their names, without folders; not changed
 * @param weight about how much memory the entries take, in bytes
 */
record PluginJar(String name, String digest, Map<String, byte[]> entries, long weight) {

    /** The first bytes of the end of each zip file, which is followed by a comment of at most 65,535 bytes. */
    private static final byte[] END = {'P', 'K', 5, 6};
    private static final int LONGEST_END = 22 + 65_535;
    /** The memory that an entry takes beside its content, in bytes; rounded up. */
    private static final int ENTRY_BYTES = 200;

    /**
     * Reads a jar.
     *
     * @param bytes the whole file
     * @param mostWeight the bound for the weight, in bytes
     * @throws IOException if the file is no whole jar, or unpacks to more; the message is the end of a sentence that begins with the file
     */
    static PluginJar read(String name, byte[] bytes, long mostWeight) throws IOException {
        if (!hasEnd(bytes)) {
            throw new IOException("it is no jar, or not a whole one");
        }
        Map<String, byte[]> entries = new HashMap<>();
        long weight = 0;
        try (ZipInputStream zip = new ZipInputStream(new ByteArrayInputStream(bytes))) {
            for (ZipEntry entry = zip.getNextEntry(); entry != null; entry = zip.getNextEntry()) {
                long left = mostWeight - weight;
                byte[] content = zip.readNBytes((int) Math.max(0, Math.min(left, Integer.MAX_VALUE - ENTRY_BYTES)));
                weight += content.length + 2L * entry.getName().length() + ENTRY_BYTES;
                if (weight > mostWeight) {
                    throw new TooLargeException("it unpacks to more than the " + mostWeight + " bytes of memory that are left for plug-ins");
                }
                if (!entry.isDirectory()) {
                    entries.putIfAbsent(entry.getName(), content);
                }
            }
        } catch (TooLargeException e) {
            throw e;
        } catch (IOException | IllegalArgumentException e) {
            throw new ZipException("it is no jar: " + e.getMessage());
        }
        return new PluginJar(name, Digest.ofSha256(bytes).value(), entries, weight);
    }

    private static final class TooLargeException extends IOException {

        TooLargeException(String message) {
            super(message);
        }
    }

    private static boolean hasEnd(byte[] bytes) {
        for (int at = bytes.length - END.length; at >= Math.max(0, bytes.length - LONGEST_END); at--) {
            if (bytes[at] == END[0] && bytes[at + 1] == END[1] && bytes[at + 2] == END[2] && bytes[at + 3] == END[3]) {
                return true;
            }
        }
        return false;
    }
}
