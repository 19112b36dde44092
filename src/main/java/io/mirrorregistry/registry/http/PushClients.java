package io.mirrorregistry.registry.http;

import io.mirrorregistry.config.RegistrySettings;
import io.mirrorregistry.metrics.Metrics;
import io.mirrorregistry.registry.MirrorIdentity;
import io.mirrorregistry.registry.auth.AccountStatus;
import io.mirrorregistry.registry.auth.Authorizer;
import io.mirrorregistry.registry.auth.TokenService;
import org.apache.hc.client5.http.impl.classic.CloseableHttpClient;
import org.apache.hc.client5.http.ssl.TlsSocketStrategy;
import org.apache.hc.core5.io.CloseMode;

/**
 * The connections of pushes to one registry, and what authorizes them: apart from those of pulls, which must never wait for a push. Nothing of it is
 * made before the first push. Thread-safe.
 */
final class PushClients {

    private final RegistrySettings registry;
    private final Metrics metrics;
    private final AccountStatus accountStatus;
    private final VersionCheck anonymously;
    private final AddressGuard guard;
    private final MirrorIdentity self;
    private volatile Made made;
    /** Guarded by this. */
    private boolean closed;

    /** What is made at the first push. */
    private record Made(CloseableHttpClient kept, CloseableHttpClient uploads, Authorizer authorizer, SilentRefusals silentRefusals) {
    }

    /**
     * @param accountStatus is told whether token services accept our account
     * @param anonymously asks for the version without an account
     */
    PushClients(RegistrySettings registry, Metrics metrics, AccountStatus accountStatus, VersionCheck anonymously, AddressGuard guard, MirrorIdentity self) {
        this.registry = registry;
        this.metrics = metrics;
        this.accountStatus = accountStatus;
        this.anonymously = anonymously;
        this.guard = guard;
        this.self = self;
    }

    /** Returns the client that keeps connections for the next request. */
    CloseableHttpClient kept() {
        return made().kept;
    }

    /** Returns the client that makes a connection for each request, of which the context has to hold an {@link UploadTransfer}. */
    CloseableHttpClient uploads() {
        return made().uploads;
    }

    /** Returns what holds the tokens for pushes. */
    Authorizer authorizer() {
        return made().authorizer;
    }

    /** Returns what the registry means by refusals of pushes without a challenge. */
    SilentRefusals silentRefusals() {
        return made().silentRefusals;
    }

    private Made made() {
        Made known = made;
        if (known != null) {
            return known;
        }
        synchronized (this) {
            if (closed) {
                throw new IllegalStateException("the mirror is stopping");
            }
            if (made == null) {
                made = make();
            }
            return made;
        }
    }

    private Made make() {
        TlsSocketStrategy tls = HttpClients.tls(registry);
        CloseableHttpClient kept = HttpClients.create(registry,
                HttpClients.pool(registry, Integer.MAX_VALUE, guard, tls, HeadLimits.LINES, new DesyncGuard.Parsers()), guard, self);
        CloseableHttpClient uploads = HttpClients.uploads(registry, tls, guard, self);
        Authorizer authorizer = new Authorizer(registry.name(), registry.account(), new TokenService(registry, kept, metrics, accountStatus));
        return new Made(kept, uploads, authorizer, new SilentRefusals(registry.name(), registry.account(), authorizer, anonymously));
    }

    /** Closes all connections. */
    synchronized void close() {
        closed = true;
        if (made != null) {
            made.kept.close(CloseMode.GRACEFUL);
            made.uploads.close(CloseMode.GRACEFUL);
        }
    }
}
