package io.mirrorregistry.registry.auth;

import io.mirrorregistry.config.Credentials;
import io.mirrorregistry.config.RegistrySettings;
import io.mirrorregistry.logging.RepeatedFault;
import io.mirrorregistry.metrics.Metrics;
import io.mirrorregistry.protocol.UrlHost;
import io.mirrorregistry.registry.CallFailures;
import io.mirrorregistry.registry.CallTime;
import io.mirrorregistry.registry.RegistryAnswers;
import io.mirrorregistry.registry.RegistryTroubleException;
import java.io.IOException;
import java.net.URI;
import java.net.URISyntaxException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.apache.hc.client5.http.classic.HttpClient;
import org.apache.hc.core5.http.NameValuePair;
import org.apache.hc.core5.http.message.BasicNameValuePair;
import org.apache.hc.core5.net.URIBuilder;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.slf4j.event.Level;

/** Asks the token services that one registry's challenges name. */
public final class TokenService {

    private static final Logger LOG = LoggerFactory.getLogger(TokenService.class);
    /** With these, services that know only POST answer GET; containerd asks with POST first. */
    private static final Set<Integer> PERHAPS_POST = Set.of(400, 401, 404, 405, 501);
    /** With these, services that know only GET answer POST. */
    private static final Set<Integer> NO_POST = Set.of(400, 401, 404, 405, 501);
    /** With these, services may refuse an account. */
    private static final Set<Integer> PERHAPS_ACCOUNT = Set.of(400, 401);
    /** So long a refused account is not sent by POST as well: what was refused may have been one repository. */
    private static final long REFUSAL_NANOS = TimeUnit.MINUTES.toNanos(1);
    private static final Set<Integer> REFUSALS = Set.of(400, 401, 403);

    /** A token service that is asked anonymously is so until settings change, and is asked for each token. */
    private final RepeatedFault anonymous = new RepeatedFault(LOG, Level.WARN, Duration.ofHours(1));
    private final RegistrySettings registry;
    private final URI challenger;
    private final Metrics metrics;
    private final AccountStatus accountStatus;
    private final RealmTrust trust;
    private final HttpClient http;
    /** Whether GET with our account has brought a token. Then 401 is about the account, and a second try might lock it. */
    private volatile boolean knowsGet;
    /** The account that GET and POST have refused alike; null for none. Sent twice for each token, it would be locked twice as fast. */
    private volatile Credentials refused;
    private volatile long refusedAt;
    /** Whether POST has brought a token. Then a refusal is about what was asked for, rather than the account. */
    private volatile boolean knowsPost;

    /**
     * For challenges of the registry itself.
     *
     * @param accountStatus is told whether the services accept our account
     */
    public TokenService(RegistrySettings registry, HttpClient http, Metrics metrics, AccountStatus accountStatus) {
        this(registry, registry.url(), http, metrics, accountStatus);
    }

    /**
     * @param challenger the address of the host whose challenges are answered, with which a realm without a host is completed
     * @param accountStatus is told whether the services accept our account; null where they say nothing of it
     */
    public TokenService(RegistrySettings registry, URI challenger, HttpClient http, Metrics metrics, AccountStatus accountStatus) {
        this.challenger = challenger;
        this.accountStatus = accountStatus;
        this.metrics = metrics;
        this.registry = registry;
        this.trust = new RealmTrust(registry);
        this.http = http;
    }

    /**
     * Fetches a token: with our account where the service may see it, anonymously elsewhere.
     *
     * @param challenge a Bearer challenge
     * @param scope what the token is to allow, beside what the challenge says
     * @param credentials our account; null for none
     * @param call the time of the call that needs the token
     * @throws RegistryTroubleException when the service cannot be reached, rejects us, or answers something else
     */
    Token fetch(Challenge challenge, TokenScope scope, Credentials credentials, CallTime call) throws RegistryTroubleException {
        URI realm = realm(challenge);
        long start = System.nanoTime();
        CallTime time = call.part();
        TokenExchange exchange = new TokenExchange(registry, http, trust, credentials, time, anonymous);
        Metrics.TokenAnswer came = Metrics.TokenAnswer.FAILED;
        try {
            TokenExchange.Reply reply = ask(exchange, realm, challenge, scope, credentials);
            Credentials shown = credentials != null && trust.mayHaveCredentials(reply.from()) ? credentials : null;
            if (!reply.isSuccess()) {
                if (accountStatus != null) {
                    accountStatus.tokenRefused(shown, scope, reply.status());
                }
                came = reply.status() == 401 || reply.status() == 403 ? Metrics.TokenAnswer.REFUSED : came;
                throw rejected(reply, credentials);
            }
            Token token = Token.parse(reply.body());
            came = Metrics.TokenAnswer.GIVEN;
            if (accountStatus != null && (shown != null || credentials == null)) {
                accountStatus.tokenGiven(shown, !scope.isNone());
            }
            return token;
        } catch (IllegalArgumentException e) {
            throw exchange.trouble(exchange.last(), e.getMessage());
        } catch (RegistryTroubleException e) {
            throw e;
        } catch (IOException e) {
            URI at = exchange.last() == null ? realm : exchange.last();
            throw new RegistryTroubleException(registry.name(), "token service " + UrlHost.of(at) + ": " + CallFailures.describe(e, registry.proxy(), time),
                    time.isPatienceOver() ? RegistryTroubleException.Kind.SLOW : CallFailures.kind(e), null);
        } finally {
            metrics.askedForToken(registry.name(), came);
            // Without a request's id: one token is for all that wait for it.
            LOG.debug("Registry {}: token service {} for {}: {} in {} ms", registry.name(), UrlHost.of(realm), scope, came.name().toLowerCase(Locale.ROOT),
                    TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - start));
        }
    }

    /**
     * A registry may want another scope than the repository's, such as that of the repository behind a proxy. It goes first: some services
     * read one scope only. Others refuse a scope that they do not know, and are then asked for ours only. Of several scopes of ours, the first is
     * needed, and the others may be refused: they are repositories from which a blob could be mounted.
     */
    private TokenExchange.Reply ask(TokenExchange exchange, URI realm, Challenge challenge, TokenScope scope, Credentials credentials) throws IOException {
        Set<String> scopes = new LinkedHashSet<>();
        if (challenge.parameter("scope") != null) {
            scopes.addAll(List.of(challenge.parameter("scope").strip().split("\\s+")));
            scopes.remove("");
        }
        List<String> ours = scope.parts();
        scopes.addAll(ours);
        TokenExchange.Reply reply = ask(exchange, realm, challenge, scopes, credentials);
        if (!ours.isEmpty() && scopes.size() > ours.size() && REFUSALS.contains(reply.status())) {
            reply = ask(exchange, realm, challenge, ours, credentials);
        }
        return ours.size() > 1 && REFUSALS.contains(reply.status()) ? ask(exchange, realm, challenge, ours.subList(0, 1), credentials) : reply;
    }

    private TokenExchange.Reply ask(TokenExchange exchange, URI realm, Challenge challenge, Collection<String> scopes, Credentials credentials)
            throws IOException {
        List<NameValuePair> query = new ArrayList<>();
        List<NameValuePair> form = new ArrayList<>();
        String service = challenge.parameter("service");
        if (service != null) {
            query.add(new BasicNameValuePair("service", service));
            form.add(new BasicNameValuePair("service", service));
        }
        if (!scopes.isEmpty()) {
            form.add(new BasicNameValuePair("scope", String.join(" ", scopes)));
        }
        scopes.forEach(one -> query.add(new BasicNameValuePair("scope", one)));
        TokenExchange.Reply got = exchange.get(realm, query);
        if (credentials == null || knowsGet || !PERHAPS_POST.contains(got.status())) {
            knowsGet |= credentials != null && got.isSuccess();
            return got;
        }
        boolean perhapsAccount = PERHAPS_ACCOUNT.contains(got.status());
        if (perhapsAccount && credentials.equals(refused) && System.nanoTime() - refusedAt < REFUSAL_NANOS) {
            return got;
        }
        TokenExchange.Reply posted = exchange.post(realm, form);
        // Of several scopes, one may be what is refused.
        if (posted != null && posted.isSuccess()) {
            knowsPost = true;
        } else if (posted != null && !knowsPost && perhapsAccount && PERHAPS_ACCOUNT.contains(posted.status()) && scopes.size() <= 1) {
            refusedAt = System.nanoTime();
            refused = credentials;
        }
        return posted == null || NO_POST.contains(posted.status()) ? got : posted;
    }

    /** Returns the address of the service; one without a host is the challenger's. */
    private URI realm(Challenge challenge) throws RegistryTroubleException {
        String realm = challenge.parameter("realm");
        try {
            URI address = realm == null || realm.isBlank() ? null : challenger.resolve(new URIBuilder(realm.strip()).build());
            boolean http = address != null && ("http".equalsIgnoreCase(address.getScheme()) || "https".equalsIgnoreCase(address.getScheme()));
            if (http && UrlHost.of(address) != null && !UrlHost.of(address).isEmpty()) {
                return new URIBuilder(address).setUserInfo((String) null).setFragment(null).build();
            }
        } catch (URISyntaxException e) {
            // told below, without the realm
        }
        throw new RegistryTroubleException(registry.name(), "its challenge names no token service to ask");
    }

    private RegistryTroubleException rejected(TokenExchange.Reply reply, Credentials credentials) {
        return new RegistryTroubleException(registry.name(), "token service " + UrlHost.of(reply.from()) + " answered " + reply.status()
                + (reply.status() == 401 && credentials != null ? "; check the username and password" : ""),
                RegistryAnswers.kind(reply.status()), reply.retryAfter());
    }
}
