package io.mirrorregistry.registry.http;

import io.mirrorregistry.protocol.ApiPath;
import io.mirrorregistry.protocol.Digest;
import io.mirrorregistry.registry.CallTime;
import io.mirrorregistry.registry.Deadlines;
import io.mirrorregistry.registry.OpenBodies;
import io.mirrorregistry.registry.Redirects;
import io.mirrorregistry.registry.RegistryAnswers;
import io.mirrorregistry.registry.RegistryTroubleException;
import io.mirrorregistry.registry.auth.Authorizer;
import io.mirrorregistry.registry.auth.Challenge;
import io.mirrorregistry.registry.auth.TokenScope;
import java.io.IOException;
import java.io.InputStream;
import java.net.SocketTimeoutException;
import java.net.UnknownHostException;
import java.util.List;
import org.apache.hc.core5.http.ClassicHttpRequest;
import org.apache.hc.core5.http.ClassicHttpResponse;
import org.apache.hc.core5.http.Header;
import org.apache.hc.core5.http.HttpEntity;
import org.apache.hc.core5.http.HttpHeaders;

/**
 * One call of a registry with all that belongs to it: challenges, redirects as far as {@link Redirects} says, and what only a GET proves after a
 * HEAD. Used once, by one thread.
 */
final class RegistryCall {

    private static final int MOST_REDIRECTS = 5;
    private static final String FIRST_BYTE = "bytes=0-0";
    private static final int BUFFER_BYTES = 64 * 1024;

    private final RegistryClient client;
    private final Location asked;
    private final ApiPath path;
    private final Redirects redirects;
    private final CallTime time;

    /** Where the last request went. */
    private Location at;
    /** The Authorization that was obtained during the call: a registry that refuses it means it. Null for none. */
    private String fresh;
    /** {@link RegistryAnswers#BASIC} or {@link RegistryAnswers#BEARER}; of the last Authorization; null before the first. */
    private String scheme;
    private boolean authorized;
    /** Whether the last request had an Authorization. */
    private boolean tokenGiven;
    private boolean redirected;

    /**
     * @param path what {@code asked} names
     * @param redirects meaningless unless a blob is asked for
     * @param time by the end of which the head of the response has to be there
     */
    RegistryCall(RegistryClient client, Location asked, ApiPath path, Redirects redirects, CallTime time) {
        this.client = client;
        this.asked = asked;
        this.path = path;
        this.redirects = isBlob(path) ? redirects : Redirects.ALL;
        this.time = time;
        this.at = asked;
    }

    private static boolean isBlob(ApiPath path) {
        return path.kind() == ApiPath.Kind.BLOB;
    }

    /** Makes the call. */
    ClassicHttpResponse run(ClassicHttpRequest request) throws IOException {
        ClassicHttpResponse response = follow(request, request);
        if (request.getMethod().equals("HEAD")) {
            response = proved(request, response);
        }
        requireRegistry(response, request.getMethod());
        response.removeHeaders(RegistryAnswers.REDIRECTED);
        if (authorized) {
            response.setHeader(RegistryAnswers.AUTHORIZED, scheme);
        }
        if (redirected) {
            response.setHeader(RegistryAnswers.REDIRECTED, "true");
        }
        if (!client.isOwn(at) && (response.getCode() == 401 || response.getCode() == 403)) {
            // The registry's own account says nothing of another one's refusal.
            response.setHeader(RegistryAnswers.ACCEPTED, String.valueOf(tokenGiven));
        }
        return response;
    }

    /** Describes the last request for the log. Where a registry sent us may carry a signature, so only the host is told. */
    String describe(String method) {
        return method + (client.isOwn(at) ? " " + asked.path() : " at " + at.host() + ", where it redirects");
    }

    // HEAD

    /**
     * Returns the response to a HEAD, or what a GET says where that proves nothing. The GET is the real one, except for a storage, of which the
     * first byte tells as much.
     */
    private ClassicHttpResponse proved(ClassicHttpRequest head, ClassicHttpResponse first) throws IOException {
        ClassicHttpResponse response = first;
        if (isNo(response.getCode())) {
            response = headOnly(follow(client.copy("GET", head, null), client.copy("GET", head, isBlob(path) ? FIRST_BYTE : null)));
        }
        boolean lengthWanted = isBlob(path) && redirects == Redirects.ALL && response.getCode() == 200;
        if (lengthWanted && !response.containsHeader(HttpHeaders.CONTENT_LENGTH)) {
            ClassicHttpRequest get = client.copy("GET", head, FIRST_BYTE);
            response = headOnly(counted(follow(get, get)));
        }
        return response;
    }

    /**
     * Returns whether a response to HEAD is a "no" that only a GET proves. Registries refuse a HEAD of what they have: some know no HEAD, some
     * check other rights, and some fetch what is asked for from elsewhere, but only for a GET. A location may be signed for GET only.
     *
     * @see <a href="https://github.com/goharbor/harbor/issues/22609">goharbor/harbor#22609</a>
     */
    private static boolean isNo(int status) {
        return status >= 400 && status < 500 && status != 408 && status != 429 || status == 501;
    }

    /** Makes the response to a GET one to a HEAD. */
    private ClassicHttpResponse headOnly(ClassicHttpResponse response) throws IOException {
        if (isBlob(path)) {
            long length = length(response);
            if (response.getCode() == 206 || response.getCode() == 416 && length == 0) {
                response.setCode(200);
                response.removeHeaders(HttpHeaders.CONTENT_RANGE);
                response.removeHeaders(HttpHeaders.CONTENT_LENGTH);
                if (length >= 0) {
                    response.setHeader(HttpHeaders.CONTENT_LENGTH, String.valueOf(length));
                }
            }
        }
        drop(response);
        return response;
    }

    /** Takes the body away. A blob is not read, at the price of the connection, unless it is one byte of it. */
    private void drop(ClassicHttpResponse response) throws IOException {
        HttpEntity body = response.getEntity();
        if (body != null && isBlob(path) && body.getContentLength() != 1) {
            body.close();
            response.setEntity(null);
        } else if (body != null) {
            Deadlines.Deadline late = Deadlines.set(time.rest(), () -> OpenBodies.close(response));
            RegistryClient.discard(response);
            late.run();
        }
    }

    /** Returns the length of the blob that a part of it states; -1 for none. An empty blob has no first byte. */
    private static long length(ClassicHttpResponse response) {
        Header range = response.getFirstHeader(HttpHeaders.CONTENT_RANGE);
        return range == null ? -1 : RegistryAnswers.digits(range.getValue().substring(range.getValue().indexOf('/') + 1));
    }

    /** Reads a whole blob whose length nobody states, as far as there is time, and states it. */
    private ClassicHttpResponse counted(ClassicHttpResponse response) throws IOException {
        if (response.getCode() != 200 || response.containsHeader(HttpHeaders.CONTENT_LENGTH) || response.getEntity() == null) {
            return response;
        }
        time.responded();
        Digest.Check check = ((Digest) path.reference()).check();
        byte[] buffer = new byte[BUFFER_BYTES];
        long count = 0;
        InputStream body = response.getEntity().getContent();
        Deadlines.Deadline late = Deadlines.set(time.rest(), () -> OpenBodies.close(body));
        try (body) {
            for (int more = body.read(buffer); more >= 0; more = body.read(buffer)) {
                if (time.isOver()) {
                    return response;
                }
                check.update(buffer, more);
                count += more;
            }
        } catch (IOException e) {
            throw late.hasEnded() ? new SocketTimeoutException("a body without end") : e;
        } finally {
            late.run();
        }
        response.setEntity(null);
        if (check.passes()) {
            response.setHeader(HttpHeaders.CONTENT_LENGTH, String.valueOf(count));
        }
        return response;
    }

    // Redirects

    /** @param elsewhere what is sent to a place that is no registry */
    private ClassicHttpResponse follow(ClassicHttpRequest request, ClassicHttpRequest elsewhere) throws IOException {
        at = asked;
        ClassicHttpResponse response = ask(request, true);
        for (int hop = 0; redirects != Redirects.NONE && isRedirect(response); hop++) {
            Location from = at;
            Location next = location(from, response);
            boolean refusing = redirects == Redirects.CLOSED_TO_CLIENTS;
            if (redirects == Redirects.TO_REGISTRIES && next.api() == null || refusing && isOpen(request, next)) {
                return atRegistry(from, response);
            }
            if (hop == MOST_REDIRECTS) {
                throw new RegistryTroubleException(client.name(), "redirects more than " + MOST_REDIRECTS + " times");
            }
            at = next;
            try {
                ClassicHttpResponse following = ask(next.api() != null || client.isOwn(next) ? request : elsewhere, refusing);
                response.close();
                response = following;
                redirected = true;
            } catch (UnknownHostException e) {
                if (redirects == Redirects.ALL) {
                    throw e;
                }
                // The client may know the name of a place that is meant for it.
                return atRegistry(from, response);
            }
        }
        return response;
    }

    private static boolean isRedirect(ClassicHttpResponse response) {
        int code = response.getCode();
        return code == 301 || code == 302 || code == 303 || code == 307 || code == 308;
    }

    private Location location(Location from, ClassicHttpResponse response) throws RegistryTroubleException {
        boolean one = response.countHeaders(HttpHeaders.LOCATION) == 1;
        return Locations.resolve(client.name(), from, one ? response.getFirstHeader(HttpHeaders.LOCATION).getValue() : null);
    }

    /** Makes a redirect read as if the registry itself had sent it. */
    private ClassicHttpResponse atRegistry(Location from, ClassicHttpResponse response) {
        at = from;
        if (from != asked) {
            response.setHeader(HttpHeaders.LOCATION, Locations.absolute(from, response.getFirstHeader(HttpHeaders.LOCATION).getValue()));
        }
        return response;
    }

    /**
     * Returns whether a client is served where it is sent. A storage serves anyone who has its signed address. A registry may want an
     * authorization, and so may any place on a host that has just wanted it; that is found out by a call without any.
     */
    private boolean isOpen(ClassicHttpRequest request, Location first) throws IOException {
        Location place = first;
        for (int hop = 0; place.api() != null || authorized && client.isOwn(place); hop++) {
            if (hop == MOST_REDIRECTS) {
                throw new RegistryTroubleException(client.name(), "redirects more than " + MOST_REDIRECTS + " times");
            }
            at = place;
            ClassicHttpResponse response;
            try {
                response = client.send(client.copy("GET", request, FIRST_BYTE), place, ApiPath.Kind.BLOB, null, time);
            } catch (UnknownHostException e) {
                return true;
            }
            drop(response);
            if (!isRedirect(response)) {
                return response.getCode() < 300 || response.getCode() == 416;
            }
            place = location(place, response);
        }
        return true;
    }

    // Authorization

    /** @param known whether to present at once what the place is known to want; a storage may refuse a call that has both a signature and that */
    private ClassicHttpResponse ask(ClassicHttpRequest request, boolean known) throws IOException {
        boolean own = client.isOwn(at);
        ApiPath api = at == asked ? path : at.api();
        TokenScope scope = TokenScope.pull(api == null ? path.repository() : api.repository());
        Authorizer authorizer = client.authorizer(at);
        String kept = api != null || known && own ? authorizer.known(scope) : null;
        SilentRefusals silent = own && api != null ? client.silentRefusals() : null;
        String atOnce = silent == null || kept != null ? null : silent.atOnce(scope, time);
        fresh = atOnce == null ? fresh : atOnce;
        String authorization = kept == null ? atOnce : kept;
        ClassicHttpResponse response = client.send(request, at, path.kind(), authorization, time);
        // What a HEAD refuses without a challenge, a GET has to refuse as well.
        boolean provedLater = request.getMethod().equals("HEAD") && isNo(response.getCode());
        boolean believed = provedLater || api == null || authorization != null && authorization.equals(fresh);
        SilentRefusals.Retry other = believed ? SilentRefusals.Retry.NOTHING : silent != null ? silent.other(response, scope, kept, atOnce, time)
                : new SilentRefusals.Retry(SilentRefusals.renewed(authorizer, response, scope, kept, time), null);
        if (other.authorization() != null) {
            fresh = other.authorization();
            authorization = fresh;
            response = client.send(request, at, path.kind(), authorization, time);
        }
        RegistryTroubleException noToken = null;
        List<Challenge> challenges = VersionCheck.challenges(response);
        // A token that a HEAD refuses with a challenge for Basic only may have ended: the GET that follows renews it.
        boolean leftToGet = provedLater && authorization != null && authorization.startsWith("Bearer ") && !authorizer.canAnswer(challenges, authorization);
        if (response.getCode() == 401 && !leftToGet && (authorization == null || !authorization.equals(fresh))) {
            String next;
            try {
                next = authorizer.answer(challenges, scope, authorization, time);
            } catch (RegistryTroubleException e) {
                noToken = e;
                next = authorizer.basic(challenges, authorization);
                if (next == null) {
                    throw e;
                }
            }
            if (next != null) {
                fresh = next;
                authorization = next;
                response = client.send(request, at, path.kind(), authorization, time);
            }
        }
        if (noToken != null) {
            if (response.getCode() >= 400) {
                throw noToken;
            }
            authorizer.prefersBasic();
        }
        if (silent != null) {
            silent.learn(scope, kept, authorization, other, response.getCode());
        } else if (api != null) {
            SilentRefusals.noteRefusal(authorizer, scope, kept, authorization, response.getCode());
        }
        String unasked = own && authorization == null && api == null && isNo(response.getCode()) ? authorizer.known(scope) : null;
        if (unasked != null) {
            authorization = unasked;
            response = client.send(request, at, path.kind(), authorization, time);
        }
        tokenGiven = authorization != null;
        if (authorization != null) {
            authorized = true;
            scheme = authorization.startsWith("Bearer ") ? RegistryAnswers.BEARER : RegistryAnswers.BASIC;
        }
        return response;
    }

    /** Only a registry can say that it has not got something. A storage that refuses what a registry sends it is that registry's trouble. */
    private void requireRegistry(ClassicHttpResponse response, String method) throws IOException {
        int status = response.getCode();
        if (at == asked || at.api() != null || status < 400) {
            return;
        }
        boolean trouble = isBlob(path) ? status != 416 : !client.isOwn(at) && (status == 401 || status == 403);
        if (trouble) {
            response.close();
            throw new RegistryTroubleException(client.name(), method + " " + asked.path() + ": " + at.host() + ", where it redirects, answered " + status,
                    RegistryAnswers.kind(status), RegistryAnswers.retryAfter(response.getFirstHeader(HttpHeaders.RETRY_AFTER)));
        }
    }
}
