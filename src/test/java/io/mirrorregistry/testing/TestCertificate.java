package io.mirrorregistry.testing;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;

/** A certificate for 127.0.0.1 and localhost of an authority of its own, made by the JDK's keytool. */
public final class TestCertificate {

    public static final String PASSWORD = "changeit";

    private static final String AUTHORITY = "authority";
    private static final String SERVER = "server";

    private final Path file;
    private final KeyStore store;

    private TestCertificate(Path file) throws IOException, GeneralSecurityException {
        this.file = file;
        this.store = load(file);
    }

    /** Makes one that is valid for thirty days. */
    public static TestCertificate make() {
        return make("-validity", "30");
    }

    /** Makes one; further arguments for keytool, such as {@code -startdate} or {@code -keyalg}, are those of the server's certificate. */
    public static TestCertificate make(String... arguments) {
        try {
            Path directory = Files.createTempDirectory("test-tls");
            Path file = directory.resolve("keys.p12");
            directory.toFile().deleteOnExit();
            file.toFile().deleteOnExit();
            generate(file, AUTHORITY, "-dname", "CN=test authority", "-ext", "bc:c", "-validity", "30");
            List<String> server = new ArrayList<>(List.of("-signer", AUTHORITY, "-dname", "CN=test registry", "-ext", "san=ip:127.0.0.1,dns:localhost"));
            server.addAll(Arrays.asList(arguments));
            generate(file, SERVER, server.toArray(String[]::new));
            // Only an entry marked as a certificate is trusted where the file is used as a trust store.
            KeyStore store = load(file);
            store.setCertificateEntry("trusted", store.getCertificate(AUTHORITY));
            try (var out = Files.newOutputStream(file)) {
                store.store(out, PASSWORD.toCharArray());
            }
            return new TestCertificate(file);
        } catch (IOException | GeneralSecurityException e) {
            throw new IllegalStateException(e);
        }
    }

    private static void generate(Path file, String alias, String... arguments) throws IOException {
        // With the quick compiler only, a process that ends so soon takes half as long.
        List<String> command = new ArrayList<>(List.of(Path.of(System.getProperty("java.home"), "bin", "keytool").toString(), "-J-XX:TieredStopAtLevel=1",
                "-genkeypair", "-alias", alias, "-storetype", "PKCS12", "-keystore", file.toString(),
                "-storepass", PASSWORD));
        command.addAll(Arrays.asList(arguments));
        if (!command.contains("-keyalg")) {
            command.addAll(List.of("-keyalg", "EC"));
        }
        try {
            int status = new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(ProcessBuilder.Redirect.DISCARD).start().waitFor();
            if (status != 0) {
                throw new IllegalStateException("keytool ended with " + status);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException(e);
        }
    }

    /** Returns a PKCS12 file, with {@link #PASSWORD}, that as {@code javax.net.ssl.trustStore} trusts the certificate. */
    public Path trustStore() {
        return file;
    }

    /** Returns the authority's certificate. */
    public String authorityPem() {
        try {
            return pem("CERTIFICATE", store.getCertificate(AUTHORITY).getEncoded());
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException(e);
        }
    }

    /** Returns the server's certificate. */
    public String pem() {
        try {
            return pem("CERTIFICATE", store.getCertificate(SERVER).getEncoded());
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException(e);
        }
    }

    /** Returns the server's key, as PKCS#8. */
    public String keyPem() {
        try {
            return pem("PRIVATE KEY", store.getKey(SERVER, PASSWORD.toCharArray()).getEncoded());
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException(e);
        }
    }

    /** Writes a text into a file of a directory; returns the path as a setting wants it. */
    public static String write(Path directory, String name, String text) {
        try {
            return Files.writeString(directory.resolve(name), text).toAbsolutePath().toString();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Returns a context that serves with the certificate, and trusts its authority and no other. */
    public SSLContext context() {
        try {
            KeyStore server = KeyStore.getInstance("PKCS12");
            server.load(null, null);
            server.setKeyEntry(SERVER, store.getKey(SERVER, PASSWORD.toCharArray()), PASSWORD.toCharArray(), store.getCertificateChain(SERVER));
            KeyManagerFactory keys = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
            keys.init(server, PASSWORD.toCharArray());
            TrustManagerFactory trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
            KeyStore authorities = KeyStore.getInstance("PKCS12");
            authorities.load(null, null);
            authorities.setCertificateEntry(AUTHORITY, store.getCertificate(AUTHORITY));
            trust.init(authorities);
            SSLContext context = SSLContext.getInstance("TLS");
            context.init(keys.getKeyManagers(), trust.getTrustManagers(), null);
            return context;
        } catch (IOException | GeneralSecurityException e) {
            throw new IllegalStateException(e);
        }
    }

    private static String pem(String type, byte[] encoded) {
        String base64 = Base64.getMimeEncoder(64, "\n".getBytes(StandardCharsets.US_ASCII)).encodeToString(encoded);
        return "-----BEGIN " + type + "-----\n" + base64 + "\n-----END " + type + "-----\n";
    }

    private static KeyStore load(Path file) throws IOException, GeneralSecurityException {
        KeyStore store = KeyStore.getInstance("PKCS12");
        try (InputStream in = Files.newInputStream(file)) {
            store.load(in, PASSWORD.toCharArray());
        }
        return store;
    }
}
