package io.mirrorregistry.testing;

import java.io.IOException;
import java.net.Socket;
import java.nio.file.Path;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLSocket;

/** The certificate of the test servers, made once in each test run. */
public final class TestTls {

    public static final String PASSWORD = TestCertificate.PASSWORD;

    private static final class Holder {
        private static final TestCertificate CERTIFICATE = TestCertificate.make();
        private static final SSLContext CONTEXT = CERTIFICATE.context();
    }

    private TestTls() {
    }

    /** Returns the test servers' certificate. */
    public static TestCertificate certificate() {
        return Holder.CERTIFICATE;
    }

    /** Returns a PKCS12 file, with {@link #PASSWORD}, that as {@code javax.net.ssl.trustStore} trusts the test servers. */
    public static Path trustStore() {
        return certificate().trustStore();
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
}
