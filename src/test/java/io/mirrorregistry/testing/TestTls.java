package io.mirrorregistry.testing;

import java.io.IOException;
import java.io.InputStream;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.TrustManagerFactory;

/** A self-signed certificate for 127.0.0.1 and localhost, made once in each test run by the JDK's keytool. */
public final class TestTls {

    public static final String PASSWORD = "changeit";

    private static final class Holder {
        private static final Path KEYS = makeKeys();
        private static final SSLContext CONTEXT = makeContext();
    }

    private TestTls() {
    }

    /** Returns a PKCS12 file, with {@link #PASSWORD}, that as {@code javax.net.ssl.trustStore} trusts the test servers. */
    public static Path trustStore() {
        return Holder.KEYS;
    }

    /** Returns a context that trusts the test servers. */
    public static SSLContext context() {
        return Holder.CONTEXT;
    }

    static Socket serverSide(Socket plain) throws IOException {
        SSLSocket socket = (SSLSocket) context().getSocketFactory().createSocket(plain, null, plain.getPort(), true);
        socket.setUseClientMode(false);
        return socket;
    }

    private static Path makeKeys() {
        try {
            Path directory = Files.createTempDirectory("test-tls");
            Path keys = directory.resolve("keys.p12");
            directory.toFile().deleteOnExit();
            keys.toFile().deleteOnExit();
            int status = new ProcessBuilder(Path.of(System.getProperty("java.home"), "bin", "keytool").toString(),
                    "-genkeypair", "-alias", "test", "-keyalg", "EC", "-dname", "CN=test registry", "-validity", "30",
                    "-ext", "san=ip:127.0.0.1,dns:localhost", "-storetype", "PKCS12", "-keystore", keys.toString(),
                    "-storepass", PASSWORD).redirectErrorStream(true).redirectOutput(ProcessBuilder.Redirect.DISCARD)
                    .start().waitFor();
            if (status != 0) {
                throw new IllegalStateException("keytool ended with " + status);
            }
            // Only an entry marked as a certificate is trusted where the file is used as a trust store.
            KeyStore store = load(keys);
            store.setCertificateEntry("trusted", store.getCertificate("test"));
            try (var out = Files.newOutputStream(keys)) {
                store.store(out, PASSWORD.toCharArray());
            }
            return keys;
        } catch (IOException | GeneralSecurityException e) {
            throw new IllegalStateException(e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException(e);
        }
    }

    private static SSLContext makeContext() {
        try {
            KeyStore store = load(Holder.KEYS);
            KeyManagerFactory keys = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
            keys.init(store, PASSWORD.toCharArray());
            TrustManagerFactory trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
            trust.init(store);
            SSLContext context = SSLContext.getInstance("TLS");
            context.init(keys.getKeyManagers(), trust.getTrustManagers(), null);
            return context;
        } catch (IOException | GeneralSecurityException e) {
            throw new IllegalStateException(e);
        }
    }

    private static KeyStore load(Path file) throws IOException, GeneralSecurityException {
        KeyStore store = KeyStore.getInstance("PKCS12");
        try (InputStream in = Files.newInputStream(file)) {
            store.load(in, PASSWORD.toCharArray());
        }
        return store;
    }
}
