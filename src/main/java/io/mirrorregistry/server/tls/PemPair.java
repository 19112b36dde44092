package io.mirrorregistry.server.tls;

import io.mirrorregistry.config.InvalidSettingException;
import io.mirrorregistry.config.TlsSettings;
import io.mirrorregistry.files.BoundedFile;
import io.mirrorregistry.files.Denied;
import io.mirrorregistry.protocol.Digest;
import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;

/**
 * What the files of a certificate and its key hold at one time.
 *
 * @param files where they are
 * @param certificate the bytes of the one
 * @param key the bytes of the other
 */
record PemPair(TlsSettings files, byte[] certificate, byte[] key) {

    /**
     * Reads both.
     *
     * @throws InvalidSettingException when one cannot be read
     */
    static PemPair read(TlsSettings files) throws InvalidSettingException {
        return new PemPair(files, bytes(TlsSettings.CERTIFICATE, files.certificate()), bytes(TlsSettings.KEY, files.key()));
    }

    private static byte[] bytes(String setting, Path file) throws InvalidSettingException {
        try {
            return BoundedFile.read(file, BoundedFile.MOST_BYTES);
        } catch (NoSuchFileException e) {
            throw new InvalidSettingException(setting, file.toString(), "there is no such file");
        } catch (AccessDeniedException e) {
            throw new InvalidSettingException(setting, file.toString(), "the file cannot be read: " + Denied.reason(file, e));
        } catch (IOException e) {
            throw new InvalidSettingException(setting, file.toString(), "the file cannot be read (" + Denied.reason(file, e) + ")");
        }
    }

    /** Returns what differs whenever the files hold something else. */
    String stamp() {
        return Digest.ofSha256(certificate).value() + " " + Digest.ofSha256(key).value();
    }
}
