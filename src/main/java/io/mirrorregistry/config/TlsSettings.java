package io.mirrorregistry.config;

import java.nio.file.Path;
import java.util.Set;

/**
 * With what clients are served TLS. Whether the files hold what they should shows when they are read.
 *
 * @param certificate a PEM file: the mirror's certificate, then those between it and its authority
 * @param key a PEM file: the certificate's key
 */
public record TlsSettings(Path certificate, Path key) {

    /** What the certificate's setting is called. */
    public static final String CERTIFICATE = "mirror.server.tls.certificate";
    /** What the key's setting is called. */
    public static final String KEY = "mirror.server.tls.key";
    /** Those that work only together. */
    public static final Set<String> BOTH = Set.of(CERTIFICATE, KEY);

    /**
     * Reads both settings; null where both are empty.
     *
     * @param directory where relative paths start
     * @throws InvalidSettingException when one is set without the other, or a file is not there
     */
    static TlsSettings read(SettingValues values, Path directory) throws InvalidSettingException {
        if (values.value(CERTIFICATE).isEmpty() && values.value(KEY).isEmpty()) {
            return null;
        }
        requireBoth(values, CERTIFICATE, KEY);
        requireBoth(values, KEY, CERTIFICATE);
        return new TlsSettings(values.file(CERTIFICATE, directory), values.file(KEY, directory));
    }

    private static void requireBoth(SettingValues values, String one, String other) throws InvalidSettingException {
        if (values.value(one).isEmpty()) {
            throw values.invalid(one, other + " is set; set both, or neither for plain http");
        }
    }
}
