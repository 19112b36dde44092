package io.mirrorregistry.server.tls;

import io.mirrorregistry.config.InvalidSettingException;
import io.mirrorregistry.config.TlsSettings;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.net.KeyCertOptions;
import io.vertx.core.net.PemKeyCertOptions;
import java.io.ByteArrayInputStream;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.PrivateKey;
import java.security.Signature;
import java.security.cert.CertificateException;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.util.Comparator;
import java.util.List;
import javax.net.ssl.KeyManager;
import javax.net.ssl.X509KeyManager;

/** The certificate that clients are shown, and its key. */
final class ServerCertificate {

    /** Renewal is late if less than this is left. */
    static final Duration SOON = Duration.ofDays(14);

    private final X509Certificate own;
    private final Instant end;
    private final KeyCertOptions options;

    private ServerCertificate(List<X509Certificate> chain, KeyCertOptions options) {
        this.own = chain.get(0);
        this.end = chain.stream().map(one -> one.getNotAfter().toInstant()).min(Comparator.naturalOrder()).orElseThrow();
        this.options = options;
    }

    /**
     * Reads a certificate and its key from what their files hold.
     *
     * @throws InvalidSettingException when one of them is no PEM, or the key is that of another certificate
     */
    static ServerCertificate of(PemPair pem) throws InvalidSettingException {
        List<X509Certificate> chain = chain(pem);
        X509Certificate own = chain.get(0);
        KeyCertOptions options = new PemKeyCertOptions()
                .addCertValue(Buffer.buffer(pem.certificate()))
                .addKeyValue(Buffer.buffer(pem.key()));
        if (!fits(key(pem, options, own), own)) {
            throw invalidKey(pem, "the file is to hold the key of the certificate in " + pem.files().certificate() + ", and holds another");
        }
        return new ServerCertificate(chain, options);
    }

    private static List<X509Certificate> chain(PemPair pem) throws InvalidSettingException {
        String why = "it is empty";
        try {
            List<X509Certificate> all = CertificateFactory.getInstance("X.509").generateCertificates(new ByteArrayInputStream(pem.certificate()))
                    .stream().map(X509Certificate.class::cast).toList();
            if (!all.isEmpty()) {
                return all;
            }
        } catch (CertificateException e) {
            why = e.getMessage();
        }
        throw new InvalidSettingException(TlsSettings.CERTIFICATE, pem.files().certificate().toString(),
                "the file is to hold certificates in PEM, the mirror's own first (" + why + ")");
    }

    private static PrivateKey key(PemPair pem, KeyCertOptions options, X509Certificate own) throws InvalidSettingException {
        if (new String(pem.key(), StandardCharsets.ISO_8859_1).contains("ENCRYPTED")) {
            throw invalidKey(pem, "the key is encrypted; write it without a passphrase, readable for the mirror only");
        }
        try {
            for (KeyManager manager : options.getKeyManagerFactory(null).getKeyManagers()) {
                if (manager instanceof X509KeyManager keys) {
                    String[] names = keys.getServerAliases(own.getPublicKey().getAlgorithm(), null);
                    return names == null ? null : keys.getPrivateKey(names[0]);
                }
            }
            return null;
        } catch (Exception e) {
            throw invalidKey(pem, "the file is to hold the key of the certificate in " + pem.files().certificate() + ", in PEM (" + e.getMessage() + ")");
        }
    }

    /** Returns whether the certificate confirms what the key signs. */
    private static boolean fits(PrivateKey key, X509Certificate certificate) {
        String algorithm = switch (certificate.getPublicKey().getAlgorithm()) {
            case "RSA" -> "SHA256withRSA";
            case "EC" -> "SHA256withECDSA";
            default -> certificate.getPublicKey().getAlgorithm();
        };
        try {
            Signature signature = Signature.getInstance(algorithm);
            signature.initSign(key);
            signature.update((byte) 1);
            byte[] signed = signature.sign();
            signature.initVerify(certificate.getPublicKey());
            signature.update((byte) 1);
            return signature.verify(signed);
        } catch (GeneralSecurityException e) {
            return false;
        }
    }

    private static InvalidSettingException invalidKey(PemPair pem, String expected) {
        return new InvalidSettingException(TlsSettings.KEY, pem.files().key().toString(), expected);
    }

    /** Returns it as the server takes it. */
    KeyCertOptions options() {
        return options;
    }

    /** Returns when the first of the certificate and those that come with it ends. */
    Instant end() {
        return end;
    }

    /** Returns whether its time is over. */
    boolean expired() {
        return end.isBefore(Instant.now());
    }

    /** Returns whether it ends soon, or its time is over. */
    boolean endsSoon() {
        return end.isBefore(Instant.now().plus(SOON));
    }

    /** Tells whose it is, and until when it is valid. */
    @Override
    public String toString() {
        return own.getSubjectX500Principal().getName() + ", " + (expired() ? "expired on " : "valid until ")
                + LocalDate.ofInstant(end, ZoneOffset.UTC);
    }
}
