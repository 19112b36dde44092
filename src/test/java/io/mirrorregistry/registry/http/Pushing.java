package io.mirrorregistry.registry.http;

import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.mirrorregistry.config.Account;
import io.mirrorregistry.config.BlobsMode;
import io.mirrorregistry.config.Credentials;
import io.mirrorregistry.config.ProxySettings;
import io.mirrorregistry.config.RegistrySettings;
import io.mirrorregistry.metrics.Metrics;
import io.mirrorregistry.protocol.PushRequest.Method;
import io.mirrorregistry.protocol.RepositoryName;
import io.mirrorregistry.registry.MirrorIdentity;
import io.mirrorregistry.registry.PushBody;
import io.mirrorregistry.registry.PushCall;
import io.mirrorregistry.testing.TestTls;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.security.cert.CertificateException;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;

/** Makes the clients, calls and bodies of tests of pushes. */
final class Pushing {

    static final RepositoryName APP = new RepositoryName("team/app");
    static final String UPLOADS = "/v2/team/app/blobs/uploads/";
    static final Duration LONG = Duration.ofSeconds(20);

    private final String url;
    private Account account = Account.NONE;
    private Duration responseTimeout = LONG;
    private List<String> tokenHosts = List.of();
    private ProxySettings proxy;
    private final MeterRegistry meters = new SimpleMeterRegistry();

    private Pushing(String url) {
        this.url = url;
    }

    /** @param url of the registry */
    static Pushing to(String url) {
        return new Pushing(url);
    }

    Pushing as(String user, String password) {
        Credentials credentials = new Credentials(user, password);
        return as(() -> credentials);
    }

    Pushing as(Account ours) {
        account = ours;
        return this;
    }

    Pushing responseTimeout(Duration time) {
        responseTimeout = time;
        return this;
    }

    Pushing tokenHosts(String... hosts) {
        tokenHosts = List.of(hosts);
        return this;
    }

    Pushing proxy(ProxySettings through) {
        proxy = through;
        return this;
    }

    MeterRegistry meters() {
        return meters;
    }

    RegistrySettings settings() {
        URI address = URI.create(url);
        return new RegistrySettings("cold", address, account, Map.of("User-Agent", "test", "X-Configured", "yes"), BlobsMode.AUTO, address,
                Duration.ofSeconds(5), responseTimeout, Duration.ZERO, tokenHosts, authorities(), proxy, List.of(), "", false, null);
    }

    private static List<X509Certificate> authorities() {
        try {
            byte[] pem = TestTls.certificate().authorityPem().getBytes(StandardCharsets.US_ASCII);
            return List.of((X509Certificate) CertificateFactory.getInstance("X.509").generateCertificate(new ByteArrayInputStream(pem)));
        } catch (CertificateException e) {
            throw new IllegalStateException(e);
        }
    }

    RegistryClient client() {
        return new RegistryClient(settings(), 10, new Metrics(meters), new MirrorIdentity());
    }

    static PushCall call(Method method, String target, PushBody body) {
        return new PushCall(method, APP, null, target, false, Map.of("Content-Type", "application/octet-stream"), body, LONG, false, null, null);
    }

    static PushCall begin() {
        return call(Method.POST, UPLOADS, null);
    }

    static PushCall mount(String from) {
        return new PushCall(Method.POST, APP, new RepositoryName(from), UPLOADS + "?mount=sha256:0&from=" + from, false, Map.of(), null, LONG, false, null,
                null);
    }

    /** @param authorized whether the upload began with an authorization */
    static PushCall patch(PushBody body, boolean authorized) {
        return goOn(Method.PATCH, UPLOADS + "1?_state=secret", body, authorized);
    }

    static PushCall goOn(Method method, String location, PushBody body, boolean authorized) {
        return new PushCall(method, APP, null, location, true, Map.of("Content-Type", "application/octet-stream"), body, LONG, authorized, null, null);
    }

    static PushCall answeredWithin(Duration time, PushCall call) {
        return new PushCall(call.method(), call.repository(), call.from(), call.target(), call.located(), call.headers(), call.body(), time, call.authorized(),
                call.requestId(), call.passed());
    }

    static byte[] random(int length) {
        byte[] bytes = new byte[length];
        new Random(length).nextBytes(bytes);
        return bytes;
    }

    /** A body that a test steers. */
    static final class Body implements PushBody {

        /** What happens before bytes are written. */
        interface Before {

            /** @param written how many bytes were written so far */
            void write(long written) throws IOException;
        }

        private final byte[] bytes;
        private final long length;
        private final boolean repeatable;
        private final List<Integer> begun = new ArrayList<>();
        private Before before = written -> { };
        private int piece = 64 * 1024;
        private volatile long written;

        private Body(byte[] bytes, long length, boolean repeatable) {
            this.bytes = bytes;
            this.length = length;
            this.repeatable = repeatable;
        }

        static Body of(byte[] bytes) {
            return new Body(bytes, bytes.length, false);
        }

        static Body chunked(byte[] bytes) {
            return new Body(bytes, -1, false);
        }

        /** @param chunked whether the length is told at the end only */
        static Body of(byte[] bytes, boolean chunked) {
            return chunked ? chunked(bytes) : of(bytes);
        }

        /** Claims another length than it has. */
        static Body claiming(byte[] bytes, long length) {
            return new Body(bytes, length, false);
        }

        static Body repeatable(byte[] bytes) {
            return new Body(bytes, bytes.length, true);
        }

        Body before(Before action) {
            before = action;
            return this;
        }

        /** Writes so many bytes at a time. */
        Body pieces(int bytesEach) {
            piece = bytesEach;
            return this;
        }

        /** Returns how often it was begun to write it. */
        int begun() {
            return begun.size();
        }

        @Override
        public long length() {
            return length;
        }

        @Override
        public boolean isRepeatable() {
            return repeatable;
        }

        @Override
        public long written() {
            return written;
        }

        @Override
        public void writeTo(OutputStream out) throws IOException {
            begun.add(1);
            written = 0;
            while (written < bytes.length) {
                before.write(written);
                int count = (int) Math.min(piece, bytes.length - written);
                out.write(bytes, (int) written, count);
                written += count;
            }
            before.write(written);
        }
    }
}
