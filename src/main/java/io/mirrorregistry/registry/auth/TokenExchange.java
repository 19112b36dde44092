package io.mirrorregistry.registry.auth;

import io.mirrorregistry.config.Credentials;
import io.mirrorregistry.config.RegistrySettings;
import io.mirrorregistry.logging.RepeatedFault;
import io.mirrorregistry.protocol.UrlHost;
import io.mirrorregistry.registry.CallTime;
import io.mirrorregistry.registry.CutOffEntity;
import io.mirrorregistry.registry.Deadlines;
import io.mirrorregistry.registry.RegistryAnswers;
import io.mirrorregistry.registry.RegistryTroubleException;
import java.io.IOException;
import java.io.InputStream;
import java.net.SocketTimeoutException;
import java.net.URI;
import java.net.URISyntaxException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.apache.hc.client5.http.classic.HttpClient;
import org.apache.hc.client5.http.classic.methods.HttpUriRequestBase;
import org.apache.hc.core5.http.ClassicHttpResponse;
import org.apache.hc.core5.http.Header;
import org.apache.hc.core5.http.HttpHeaders;
import org.apache.hc.core5.http.NameValuePair;
import org.apache.hc.core5.http.io.entity.HttpEntities;
import org.apache.hc.core5.http.message.BasicNameValuePair;
import org.apache.hc.core5.net.URIBuilder;

/**
 * One exchange with a token service: GET, and perhaps POST, with the redirects that each of them takes. Each address is called with
 * our account only if it may see it. One thread uses it.
 */
final class TokenExchange {

    private static final int MOST_REDIRECTS = 5;
    /** In bytes. Tokens have some kilobytes. The objects of a longer answer could take twenty times as much memory, for each repository. */
    private static final int MAX_ANSWER = 16 * 1024;
    private static final Set<Integer> REDIRECTS = Set.of(301, 302, 303, 307, 308);
    /** After the other redirects a client sends GET, to which the account in the body is lost. */
    private static final Set<Integer> POST_REDIRECTS = Set.of(307, 308);

    private final RegistrySettings registry;
    private final HttpClient http;
    private final RealmTrust trust;
    private final Credentials credentials;
    private final CallTime time;
    private final RepeatedFault anonymous;
    private URI last;

    /**
     * The answer at the end of the redirects.
     *
     * @param from the address that answered
     * @param retryAfter as it may be handed on; null for none
     * @param body the text of an answer from 200 to 299; empty for any other
     */
    record Reply(URI from, int status, String retryAfter, String body) {

        boolean isSuccess() {
            return status >= 200 && status < 300;
        }
    }

    /**
     * @param credentials our account; null for none
     * @param time by the end of which all is over
     * @param anonymous logs that a service does not get our account
     */
    TokenExchange(RegistrySettings registry, HttpClient http, RealmTrust trust, Credentials credentials, CallTime time, RepeatedFault anonymous) {
        this.registry = registry;
        this.http = http;
        this.trust = trust;
        this.credentials = credentials;
        this.time = time;
        this.anonymous = anonymous;
    }

    /** Returns the address that was called last; null before the first call. */
    URI last() {
        return last;
    }

    /**
     * Asks with GET: with our account in the header where the address may see it, anonymously elsewhere.
     *
     * @param query is added to the realm, and to the location of a redirect that has no query
     */
    Reply get(URI realm, List<NameValuePair> query) throws IOException {
        return follow("GET", realm, query);
    }

    /**
     * Asks with POST, which has our account in its body.
     *
     * @return null if the account must not go there
     * @see <a href="https://distribution.github.io/distribution/spec/auth/oauth/">OAuth2 token authentication</a>
     */
    Reply post(URI realm, List<NameValuePair> form) throws IOException {
        List<NameValuePair> all = new ArrayList<>(form);
        all.add(new BasicNameValuePair("grant_type", "password"));
        all.add(new BasicNameValuePair("client_id", "mirror-registry"));
        all.add(new BasicNameValuePair("username", credentials.username()));
        all.add(new BasicNameValuePair("password", credentials.password()));
        return follow("POST", realm, all);
    }

    private Reply follow(String method, URI realm, List<NameValuePair> parameters) throws IOException {
        boolean post = method.equals("POST");
        URI uri = post ? realm : withQuery(realm, parameters);
        // Credentials stay at home once a stranger has said where to go, and once https has been left.
        boolean trusted = credentials != null;
        boolean secure = false;
        for (int hop = 0; ; hop++) {
            boolean https = "https".equalsIgnoreCase(uri.getScheme());
            trusted &= trust.isTrustedHost(uri) && (https || !secure);
            secure |= https;
            boolean shown = trusted && trust.mayHaveCredentials(uri);
            if (post && !shown) {
                return null;
            }
            HttpUriRequestBase request = request(method, uri);
            if (post) {
                request.setEntity(HttpEntities.createUrlEncoded(parameters, StandardCharsets.UTF_8));
            } else if (shown) {
                request.setHeader(HttpHeaders.AUTHORIZATION, credentials.basic());
            }
            last = uri;
            String location;
            Deadlines.Deadline answered = Deadlines.set(request, time.rest());
            try (ClassicHttpResponse response = http.executeOpen(null, request, null)) {
                if (response.getEntity() != null) {
                    response.setEntity(new CutOffEntity(response.getEntity(), request::cancel, answered));
                }
                Header header = response.getFirstHeader(HttpHeaders.LOCATION);
                if (header == null || !(post ? POST_REDIRECTS : REDIRECTS).contains(response.getCode())) {
                    if (credentials != null && !shown) {
                        warn(uri);
                    }
                    return reply(uri, response);
                }
                location = header.getValue();
            } catch (IOException | IllegalStateException e) {
                // The client tells of a closed socket, or of a wrong state, where the deadline has ended the call.
                if (answered.hasEnded()) {
                    throw new SocketTimeoutException("cancelled at its deadline");
                }
                throw e;
            } finally {
                answered.run();
            }
            if (hop == MOST_REDIRECTS) {
                throw trouble(uri, "redirects more than " + MOST_REDIRECTS + " times");
            }
            URI next = resolve(uri, location);
            uri = post || next.getRawQuery() != null ? withQuery(next, List.of()) : withQuery(next, parameters);
        }
    }

    private URI resolve(URI from, String location) throws RegistryTroubleException {
        try {
            URI next = from.resolve(new URI(location));
            if (UrlHost.of(next) != null && ("http".equalsIgnoreCase(next.getScheme()) || "https".equalsIgnoreCase(next.getScheme()))) {
                return next;
            }
        } catch (URISyntaxException e) {
            // The message below is without the location: it may carry a signature.
        }
        throw trouble(from, "redirects to nowhere");
    }

    private HttpUriRequestBase request(String method, URI uri) throws IOException {
        if (time.isOver()) {
            throw new SocketTimeoutException("what came before took all the time");
        }
        HttpUriRequestBase request = new HttpUriRequestBase(method, uri);
        request.setHeader(HttpHeaders.ACCEPT, "application/json");
        request.setHeader(HttpHeaders.ACCEPT_ENCODING, "identity");
        request.setHeader(HttpHeaders.USER_AGENT, registry.headers().get(HttpHeaders.USER_AGENT));
        return request;
    }

    private Reply reply(URI uri, ClassicHttpResponse response) throws IOException {
        int status = response.getCode();
        String retryAfter = RegistryAnswers.retryAfter(response.getFirstHeader(HttpHeaders.RETRY_AFTER));
        if (status < 200 || status >= 300 || response.getEntity() == null) {
            return new Reply(uri, status, retryAfter, "");
        }
        try (InputStream body = response.getEntity().getContent()) {
            byte[] answer = body.readNBytes(MAX_ANSWER + 1);
            if (answer.length > MAX_ANSWER) {
                throw trouble(uri, "its answer is longer than " + MAX_ANSWER + " bytes");
            }
            return new Reply(uri, status, retryAfter, new String(answer, StandardCharsets.UTF_8));
        }
    }

    private void warn(URI uri) {
        if (trust.isTrustedHost(uri) && "http".equalsIgnoreCase(uri.getScheme())) {
            warn(uri, "Registry " + registry.name() + ": the token service " + UrlHost.of(uri) + " is asked anonymously because its address is http while "
                    + "the registry is https; correct the realm in the registry's own settings");
        } else {
            warn(uri, "Registry " + registry.name() + ": its token service " + UrlHost.of(uri) + " is not on the registry's domain and is asked anonymously; "
                    + "if it may see the account, name it in mirror.registry." + registry.name() + ".token-hosts");
        }
    }

    private void warn(URI uri, String message) {
        anonymous.log(UrlHost.of(uri), registry.name(), null, null, message);
    }

    private static URI withQuery(URI uri, List<NameValuePair> more) throws IOException {
        try {
            return new URIBuilder(uri).addParameters(more).setUserInfo((String) null).setFragment(null).build();
        } catch (URISyntaxException e) {
            throw new IOException("an address that cannot be called", e);
        }
    }

    RegistryTroubleException trouble(URI uri, String what) {
        return new RegistryTroubleException(registry.name(), "token service " + UrlHost.of(uri) + ": " + what);
    }
}
