package io.mirrorregistry.registry.auth;

import io.mirrorregistry.config.Credentials;
import io.mirrorregistry.config.RegistrySettings;
import io.mirrorregistry.metrics.Metrics;
import io.mirrorregistry.registry.CallFailures;
import io.mirrorregistry.registry.CutOffEntity;
import io.mirrorregistry.registry.Deadlines;
import io.mirrorregistry.registry.RegistryAnswers;
import io.mirrorregistry.registry.RegistryTroubleException;
import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.net.URISyntaxException;
import java.nio.charset.StandardCharsets;
import java.util.Locale;
import java.util.concurrent.TimeUnit;
import org.apache.hc.client5.http.classic.HttpClient;
import org.apache.hc.client5.http.classic.methods.HttpGet;
import org.apache.hc.core5.http.ClassicHttpResponse;
import org.apache.hc.core5.http.HttpHeaders;
import org.apache.hc.core5.net.URIBuilder;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Asks the token services that one registry's challenges name. */
public final class TokenService {

    private static final Logger LOG = LoggerFactory.getLogger(TokenService.class);
    /** In bytes. Tokens have some kilobytes. The objects of a longer answer could take twenty times as much memory, for each repository. */
    private static final int MAX_ANSWER = 16 * 1024;

    private final RegistrySettings registry;
    private final Metrics metrics;
    private final RealmTrust trust;
    private final HttpClient http;

    public TokenService(RegistrySettings registry, HttpClient http, Metrics metrics) {
        this.metrics = metrics;
        this.registry = registry;
        this.trust = new RealmTrust(registry);
        this.http = http;
    }

    /**
     * Fetches a token: with our account where the service may see it, anonymously elsewhere.
     *
     * @param challenge a Bearer challenge
     * @param scope what the token is to allow; null for none
     * @throws RegistryTroubleException when the service cannot be reached, rejects us, or answers something else
     */
    Token fetch(Challenge challenge, String scope) throws RegistryTroubleException {
        URI uri = address(challenge, scope);
        HttpGet request = new HttpGet(uri);
        request.setHeader(HttpHeaders.ACCEPT, "application/json");
        request.setHeader(HttpHeaders.ACCEPT_ENCODING, "identity");
        request.setHeader(HttpHeaders.USER_AGENT, registry.headers().get(HttpHeaders.USER_AGENT));
        Credentials credentials = registry.account().current();
        if (credentials != null) {
            if (trust.mayHaveCredentials(uri)) {
                request.setHeader(HttpHeaders.AUTHORIZATION, credentials.basic());
            } else if (trust.isDowngrade(uri)) {
                LOG.warn("{}: the token service {} is asked anonymously because its address is http while the registry is https; "
                        + "correct the realm in the registry's own settings", registry.name(), uri.getHost());
            } else {
                LOG.warn("{}: its token service {} is not on the registry's domain and is asked anonymously; if it may see the "
                        + "account, name it in mirror.registry.{}.token-hosts", registry.name(), uri.getHost(), registry.name());
            }
        }
        Metrics.TokenAnswer came = Metrics.TokenAnswer.FAILED;
        long start = System.nanoTime();
        Runnable answered = Deadlines.set(request, registry.connectTimeout().plus(registry.responseTimeout()));
        try (ClassicHttpResponse response = http.executeOpen(null, request, null)) {
            if (response.getEntity() != null) {
                response.setEntity(new CutOffEntity(response.getEntity(), request::cancel, answered));
            }
            if (response.getCode() != 200) {
                came = response.getCode() == 401 || response.getCode() == 403 ? Metrics.TokenAnswer.REFUSED : came;
                throw rejected(uri, response);
            }
            Token token = Token.parse(body(uri, response));
            came = Metrics.TokenAnswer.GIVEN;
            return token;
        } catch (IllegalArgumentException e) {
            throw trouble(uri, e.getMessage());
        } catch (RegistryTroubleException e) {
            throw e;
        } catch (IOException e) {
            throw new RegistryTroubleException(registry.name(), "token service " + uri.getHost() + ": " + CallFailures.describe(e, registry.proxy()),
                    CallFailures.kind(e), null);
        } finally {
            answered.run();
            metrics.askedForToken(registry.name(), came);
            // Without a request's id: one token is for all that wait for it.
            LOG.debug("{}: token service {} for {}: {} in {} ms", registry.name(), uri.getHost(), scope == null ? "no scope" : scope, came.name().toLowerCase(Locale.ROOT),
                    TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - start));
        }
    }

    private String body(URI uri, ClassicHttpResponse response) throws IOException {
        InputStream body = response.getEntity() == null ? InputStream.nullInputStream() : response.getEntity().getContent();
        byte[] answer = body.readNBytes(MAX_ANSWER + 1);
        if (answer.length > MAX_ANSWER) {
            throw trouble(uri, "its answer is longer than " + MAX_ANSWER + " bytes");
        }
        return new String(answer, StandardCharsets.UTF_8);
    }

    private URI address(Challenge challenge, String scope) throws RegistryTroubleException {
        String realm = challenge.parameter("realm");
        try {
            URIBuilder address = new URIBuilder(realm == null ? "" : realm);
            if (!"http".equalsIgnoreCase(address.getScheme()) && !"https".equalsIgnoreCase(address.getScheme())
                    || address.getHost() == null || address.getHost().isEmpty()) {
                throw new RegistryTroubleException(registry.name(), "its challenge names no token service to ask");
            }
            if (challenge.parameter("service") != null) {
                address.addParameter("service", challenge.parameter("service"));
            }
            if (scope != null) {
                address.addParameter("scope", scope);
            }
            return address.setUserInfo((String) null).setFragment(null).build();
        } catch (URISyntaxException e) {
            throw new RegistryTroubleException(registry.name(), "its challenge names no token service to ask");
        }
    }

    private RegistryTroubleException rejected(URI uri, ClassicHttpResponse response) {
        String retryAfter = RegistryAnswers.retryAfter(response.getFirstHeader(HttpHeaders.RETRY_AFTER));
        return new RegistryTroubleException(registry.name(), "token service " + uri.getHost() + " answered "
                + response.getCode() + (response.getCode() == 401 && registry.account().current() != null
                        ? "; check the username and password" : ""), RegistryAnswers.kind(response.getCode()), retryAfter);
    }

    private RegistryTroubleException trouble(URI uri, String what) {
        return new RegistryTroubleException(registry.name(), "token service " + uri.getHost() + ": " + what);
    }
}
