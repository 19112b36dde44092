package io.mirrorregistry.server.tls;

import io.mirrorregistry.config.InvalidSettingException;
import io.mirrorregistry.config.TlsSettings;
import io.mirrorregistry.work.FatalErrors;
import io.mirrorregistry.work.Guarded;
import io.vertx.core.http.HttpServer;
import io.vertx.core.http.HttpServerOptions;
import io.vertx.core.net.SSLOptions;
import java.time.Duration;
import java.time.Instant;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * TLS on the clients' port. The files of the certificate and its key are looked into from time to time; once they have changed and
 * rest, new connections get the new certificate. One that cannot work changes nothing.
 */
public final class ClientsTls {

    private static final Logger LOG = LoggerFactory.getLogger(ClientsTls.class);
    private static final Set<String> VERSIONS = Set.of("TLSv1.2", "TLSv1.3");
    private static final Duration LONGEST_HANDSHAKE = Duration.ofSeconds(10);
    private static final long LOOK_MILLIS = 1000;

    private final TlsSettings files;
    private volatile ServerCertificate serving;
    /** Why what is in the files does not serve; null while it does. */
    private volatile String refused;
    private ScheduledExecutorService thread;
    /** What the files held when they were looked into last, and when that was dealt with last. */
    private String seen;
    private String dealtWith;
    /** What was logged last of the end of the certificate that serves. */
    private Ending told = Ending.LATER;

    /** When a certificate ends. */
    private enum Ending { LATER, SOON, PAST }

    /**
     * Reads the certificate and its key.
     *
     * @throws InvalidSettingException when they cannot work
     */
    public ClientsTls(TlsSettings files) throws InvalidSettingException {
        this.files = files;
        PemPair first = PemPair.read(files);
        this.serving = ServerCertificate.of(first);
        this.seen = first.stamp();
        this.dealtWith = seen;
    }

    /** Returns what is wrong with the certificate, in a sentence: a renewal was refused, it ends within 14 days, or its time is over. */
    public Optional<String> problem() {
        ServerCertificate now = serving;
        return fault().or(() -> now.endsSoon() ? Optional.of(said(now) + "; it ends within " + ServerCertificate.SOON.toDays() + " days, renew it")
                : Optional.empty());
    }

    /** Returns why clients refuse the certificate, or why a renewal was refused, in a sentence. */
    public Optional<String> fault() {
        String why = refused;
        ServerCertificate now = serving;
        return why != null ? Optional.of(why) : now.expired() ? Optional.of(said(now)) : Optional.empty();
    }

    private String said(ServerCertificate certificate) {
        return TlsSettings.CERTIFICATE + "=" + files.certificate() + ": " + certificate;
    }

    private static Ending ending(ServerCertificate certificate) {
        if (certificate.expired()) {
            return Ending.PAST;
        }
        return certificate.endsSoon() ? Ending.SOON : Ending.LATER;
    }

    /** Returns when the certificate ends that clients are shown. */
    public Instant end() {
        return serving.end();
    }

    /** Returns whether the files have changed to something that cannot work. */
    public boolean isRenewalRefused() {
        return refused != null;
    }

    /** Tells the certificate that clients are shown. */
    public String certificate() {
        return serving.toString();
    }

    /** Has a server that is to be made speak TLS. */
    public void on(HttpServerOptions options, Duration idleTimeout) {
        options.setSsl(true)
                .setUseAlpn(false)
                .setEnabledSecureTransportProtocols(VERSIONS)
                .setKeyCertOptions(serving.options())
                .setSslHandshakeTimeoutUnit(TimeUnit.MILLISECONDS)
                .setSslHandshakeTimeout(Math.min(LONGEST_HANDSHAKE.toMillis(), idleTimeout.toMillis()));
    }

    /** Begins to look for renewed files. */
    public void watch(HttpServer server, HttpServerOptions options) {
        LOG.info("TLS on the clients' port: {}", serving);
        thread = Executors.newSingleThreadScheduledExecutor(task -> {
            Thread named = new Thread(task, "certificate");
            named.setDaemon(true);
            return named;
        });
        thread.scheduleWithFixedDelay(new Guarded("look into the certificate's files", () -> look(server, options)), 0, LOOK_MILLIS,
                TimeUnit.MILLISECONDS);
    }

    /** Stops looking. */
    public void close() {
        if (thread != null) {
            thread.shutdownNow();
        }
    }

    private void look(HttpServer server, HttpServerOptions options) {
        PemPair now = null;
        String unreadable = null;
        try {
            now = PemPair.read(files);
        } catch (InvalidSettingException e) {
            unreadable = e.getMessage();
        }
        String stamp = now == null ? unreadable : now.stamp();
        boolean rests = stamp.equals(seen);
        seen = stamp;
        if (rests && !stamp.equals(dealtWith)) {
            dealtWith = stamp;
            if (now == null) {
                refuse(unreadable);
            } else {
                renew(now, server, options);
            }
        }
        Ending ending = ending(serving);
        if (ending != told) {
            told = ending;
            switch (ending) {
                case SOON -> LOG.warn("The certificate in {} ends within {} days, renew it: {}", files.certificate(), ServerCertificate.SOON.toDays(), serving);
                case PAST -> LOG.warn("Clients refuse the certificate in {}: {}", files.certificate(), serving);
                default -> { }
            }
        }
    }

    private void renew(PemPair now, HttpServer server, HttpServerOptions options) {
        try {
            ServerCertificate renewed = ServerCertificate.of(now);
            if (renewed.expired() && !serving.expired()) {
                throw new InvalidSettingException(TlsSettings.CERTIFICATE, files.certificate().toString(), "the certificate is " + renewed);
            }
            server.updateSSLOptions(new SSLOptions(options.getSslOptions()).setKeyCertOptions(renewed.options()))
                    .toCompletionStage().toCompletableFuture().get(LOOK_MILLIS * 10, TimeUnit.MILLISECONDS);
            serving = renewed;
            refused = null;
            told = Ending.LATER;
            LOG.info("The certificate has changed: {}", renewed);
        } catch (InvalidSettingException e) {
            refuse(e.getMessage());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } catch (Exception e) {
            FatalErrors.check(e);
            LOG.debug("The server does not take the certificate", e);
            refuse(TlsSettings.CERTIFICATE + "=" + files.certificate() + ": the server does not take it (" + e.getMessage() + ")");
        }
    }

    private void refuse(String why) {
        refused = why;
        LOG.warn("The changed certificate is refused, the last good one goes on serving: {}", why);
    }
}
