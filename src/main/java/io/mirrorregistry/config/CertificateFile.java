package io.mirrorregistry.config;

import io.mirrorregistry.files.BoundedFile;
import io.mirrorregistry.files.Denied;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.AccessDeniedException;
import java.nio.file.Path;
import java.security.cert.CertificateException;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.time.Instant;
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.util.List;

/** A PEM file of certificates, which a setting names. */
final class CertificateFile {

    /** The authorities that Linux distributions trust take 220 kB together. */
    private static final int MOST_BYTES = 4 * BoundedFile.MOST_BYTES;
    private static final String NOT_PEM = "the file is to hold certificates in PEM, and cannot be read as such (";

    private final SettingValues values;
    private final Path directory;

    /** @param directory where relative paths start */
    CertificateFile(SettingValues values, Path directory) {
        this.values = values;
        this.directory = directory;
    }

    /**
     * Reads the certificates of the file that the setting names; none where it is empty.
     *
     * @param warnings gets a sentence for each certificate that has expired
     * @throws InvalidSettingException when there is no such file, or it holds something else
     */
    List<X509Certificate> read(String setting, List<String> warnings) throws InvalidSettingException {
        if (values.value(setting).isEmpty()) {
            return List.of();
        }
        Path file = values.file(setting, directory);
        try {
            InputStream in = new ByteArrayInputStream(BoundedFile.read(file, MOST_BYTES));
            List<X509Certificate> certificates = CertificateFactory.getInstance("X.509").generateCertificates(in).stream()
                    .map(X509Certificate.class::cast).toList();
            if (certificates.isEmpty()) {
                throw values.invalid(setting, "the file is to hold certificates in PEM, and is empty");
            }
            for (X509Certificate certificate : certificates) {
                Instant end = certificate.getNotAfter().toInstant();
                if (end.isBefore(Instant.now())) {
                    warnings.add(setting + "=" + values.value(setting) + ": the certificate of " + certificate.getSubjectX500Principal().getName()
                            + " has expired on " + LocalDate.ofInstant(end, ZoneOffset.UTC));
                }
            }
            return certificates;
        } catch (AccessDeniedException e) {
            throw values.invalid(setting, "the file cannot be read: " + Denied.reason(file, e));
        } catch (IOException e) {
            throw values.invalid(setting, NOT_PEM + BoundedFile.reason(e) + ")");
        } catch (CertificateException e) {
            throw values.invalid(setting, NOT_PEM + e.getMessage() + ")");
        }
    }
}
