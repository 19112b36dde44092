package io.mirrorregistry.testing;

import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.StringJoiner;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * A token service of its own port, for {@link TestRegistry#requireBearer}: tokens for everybody until told otherwise.
 *
 * @see <a href="https://distribution.github.io/distribution/spec/auth/token/">Token authentication</a>
 */
public final class TokenService extends TestServer {

    static final String SERVICE = "test-registry";

    private record Token(Set<String> scopes, AtomicInteger usesLeft) {
    }

    private final Map<String, Token> tokens = new ConcurrentHashMap<>();
    private final Set<String> refused = ConcurrentHashMap.newKeySet();
    private final Set<String> denied = ConcurrentHashMap.newKeySet();
    private final AtomicInteger issued = new AtomicInteger();
    private volatile String realmPath = "/token";
    private volatile String field = "token";
    private volatile String expiresIn = "300";
    private volatile int uses = Integer.MAX_VALUE;
    private volatile String user;
    private volatile String password;
    private volatile boolean postOnly;
    private volatile boolean firstScopeOnly;
    private volatile String moved;
    private volatile int movedStatus;
    private volatile String movedTo;

    private TokenService(boolean tls) {
        super(tls);
    }

    public static TokenService start() {
        return new TokenService(false);
    }

    public static TokenService startTls() {
        return new TokenService(true);
    }

    /** Gives tokens to this account only, and 401 to everybody else. */
    public TokenService requireAccount(String name, String secret) {
        password = secret;
        user = name;
        return this;
    }

    /** Gives tokens to a POST with the account in its form, and 404 to GET. */
    public TokenService postOnly() {
        postOnly = true;
        return this;
    }

    /** Reads the first scope parameter only. */
    public TokenService firstScopeOnly() {
        firstScopeOnly = true;
        return this;
    }

    /**
     * Has the realm redirect to where tokens are, which is {@code /tokens}.
     *
     * @param location {@code {url}} is filled in with this service's address, and {@code {query}} with a question mark and the query
     */
    public TokenService redirectsRealm(int status, String location) {
        moved = realmPath;
        movedStatus = status;
        movedTo = location;
        return this;
    }

    /** Gives tokens that do not cover this repository, as Docker Hub does for what one may not see. */
    public TokenService deny(String name) {
        denied.add("repository:" + name + ":pull");
        return this;
    }

    /** Answers 401 to whoever wants a token for this repository. */
    public TokenService refuse(String name) {
        refused.add("repository:" + name + ":pull");
        return this;
    }

    /** Names the field of the answer: {@code token}, {@code access_token}, or both with a comma. */
    public TokenService field(String name) {
        field = name;
        return this;
    }

    /** Writes this as {@code expires_in} as it stands, true or not; null leaves it out. */
    public TokenService expiresIn(String json) {
        expiresIn = json;
        return this;
    }

    /** Makes every token end after so many uses, whatever {@code expires_in} says. */
    public TokenService uses(int count) {
        uses = count;
        return this;
    }

    /** Moves the realm, such as {@code /auth?tenant=1}. */
    public TokenService at(String pathAndQuery) {
        realmPath = pathAndQuery;
        return this;
    }

    /** Returns the address of the realm. */
    public String realm() {
        return url() + realmPath;
    }

    /** Ends all tokens given so far. */
    public void revokeAll() {
        tokens.clear();
    }

    /** Returns how many tokens were given. */
    public int issued() {
        return issued.get();
    }

    /** Returns how many tokens have a scope of the repository. Tokens of probes have none. */
    public long issuedFor(String repository) {
        return tokens.values().stream().filter(token -> token.scopes().stream().anyMatch(scope -> scope.startsWith("repository:" + repository + ":"))).count();
    }

    /** Returns whether the token is alive and covers the scope (null: any); uses it up by one. */
    boolean accepts(String value, String scope) {
        Token token = tokens.get(value);
        return token != null && (scope == null || token.scopes().contains(scope))
                && token.usesLeft().getAndUpdate(left -> Math.max(0, left - 1)) > 0;
    }

    @Override
    Answer answer(Call call) {
        if (moved != null && call.path().equals(moved)) {
            return Answer.of(movedStatus).with("Location", movedTo.replace("{url}", url()).replace("{query}", call.query() == null ? "" : "?" + call.query()));
        }
        boolean post = call.method().equals("POST");
        if (postOnly != post || !call.path().equals(moved == null ? realmPath.split("\\?")[0] : "/tokens")) {
            return Answer.error(404, "NOT_FOUND");
        }
        boolean let = post ? user.equals(call.field("username")) && password.equals(call.field("password")) && "password".equals(call.field("grant_type"))
                && call.field("client_id") != null : user == null || Access.credentials(user, password).equals(call.header("Authorization"));
        if (!let) {
            return Answer.error(401, "UNAUTHORIZED").with("WWW-Authenticate", "Basic realm=\"accounts\"");
        }
        List<String> asked = post ? List.of(call.field("scope")) : call.parameters("scope");
        Set<String> scopes = new HashSet<>();
        asked.stream().limit(firstScopeOnly ? 1 : asked.size()).forEach(scope -> scopes.addAll(Set.of(scope.split(" "))));
        if (scopes.stream().anyMatch(refused::contains)) {
            return Answer.error(401, "UNAUTHORIZED");
        }
        scopes.removeAll(denied);
        String value = "test-token-" + issued.incrementAndGet();
        tokens.put(value, new Token(scopes, new AtomicInteger(uses)));
        StringJoiner json = new StringJoiner(",", "{", "}");
        for (String name : field.split(",")) {
            json.add("\"" + name + "\":\"" + value + "\"");
        }
        if (expiresIn != null) {
            json.add("\"expires_in\":" + expiresIn);
        }
        return Answer.of(200, "application/json", json.toString());
    }
}
