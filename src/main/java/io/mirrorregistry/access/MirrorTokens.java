package io.mirrorregistry.access;

import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import com.nimbusds.jose.JOSEException;
import com.nimbusds.jose.JOSEObjectType;
import com.nimbusds.jose.JWSAlgorithm;
import com.nimbusds.jose.JWSHeader;
import com.nimbusds.jose.crypto.MACSigner;
import com.nimbusds.jose.crypto.MACVerifier;
import com.nimbusds.jwt.JWTClaimsSet;
import com.nimbusds.jwt.SignedJWT;
import java.text.ParseException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Date;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.function.Supplier;

/**
 * The mirror's own tokens. Whoever has the secret makes and verifies them. The algorithm and the key are fixed: a token's header chooses neither.
 * Thread-safe.
 *
 * @see <a href="https://distribution.github.io/distribution/spec/auth/jwt/">Token authentication implementation</a>
 */
final class MirrorTokens {

    /** The issuer of all of them. */
    static final String ISSUER = "mirror-registry";

    private static final String PURPOSE = "mirror-registry: key of tokens, 1";
    private static final String KIND = "kind";
    private static final String ACCESS = "access";
    /** The memory for verified tokens, in characters. */
    private static final long MOST_CHARACTERS = 4_000_000;
    /** Clocks of replicas differ. */
    private static final Duration SKEW = Duration.ofSeconds(30);

    private final byte[] key;
    private final String audience;
    private final Supplier<Instant> clock;
    private final Cache<String, Token> verified = Caffeine.newBuilder().maximumWeight(MOST_CHARACTERS)
            .weigher((String token, Token known) -> token.length()).build();
    /** The newest one that was asked for: a client sends the same token again and again. */
    private volatile Known last;

    /**
     * What a token says.
     *
     * @param access what it allows at most, by the repositories' names
     * @param expires from when on it is refused
     */
    record Token(Subject subject, Map<String, Set<Action>> access, Instant expires) {
    }

    private record Known(String credentials, Token token) {
    }

    /**
     * @param secret what the key is derived from; null for one that ends with the process
     * @param audience the name of the service
     */
    MirrorTokens(String secret, String audience, Supplier<Instant> clock) {
        this.key = DerivedKey.of(secret, PURPOSE);
        this.audience = audience;
        this.clock = clock;
    }

    /** Makes a token. */
    String make(Subject subject, Map<String, Set<Action>> access, Instant now, Instant expires) {
        List<Map<String, Object>> scopes = new ArrayList<>();
        access.forEach((name, actions) -> scopes.add(Map.of("type", "repository", "name", name, "actions", actions.stream().map(Action::word).toList())));
        JWTClaimsSet claims = new JWTClaimsSet.Builder().issuer(ISSUER).subject(subject.name()).audience(audience).issueTime(Date.from(now))
                .notBeforeTime(Date.from(now)).expirationTime(Date.from(expires)).jwtID(UUID.randomUUID().toString())
                .claim(KIND, subject.kind().name()).claim(ACCESS, scopes).build();
        SignedJWT token = new SignedJWT(new JWSHeader.Builder(JWSAlgorithm.HS256).type(JOSEObjectType.JWT).build(), claims);
        try {
            token.sign(new MACSigner(key));
        } catch (JOSEException e) {
            throw new IllegalStateException("the token cannot be signed", e);
        }
        return token.serialize();
    }

    /** Returns whether a token says that the mirror has made it. It may say so falsely. */
    static boolean isOwn(SignedJWT token) {
        try {
            return ISSUER.equals(token.getJWTClaimsSet().getIssuer());
        } catch (ParseException e) {
            return false;
        }
    }

    /**
     * Returns what a token says that was verified before and is still valid; null for any other.
     *
     * @param credentials the value of the header {@code Authorization}
     */
    Token known(String credentials) {
        Known before = last;
        Token token = before != null && before.credentials.equals(credentials) ? before.token : verified.getIfPresent(credentials);
        if (token == null || !clock.get().isBefore(token.expires())) {
            return null;
        }
        if (before == null || before.token != token) {
            last = new Known(credentials, token);
        }
        return token;
    }

    /**
     * Verifies a token.
     *
     * @param credentials the value of the header {@code Authorization} that has it, by which it is known from then on
     */
    Token verify(SignedJWT token, String credentials) throws InvalidTokenException {
        try {
            if (!JWSAlgorithm.HS256.equals(token.getHeader().getAlgorithm()) || !token.verify(new MACVerifier(key))) {
                throw new InvalidTokenException("its signature is not this mirror's; tokens end with the process where mirror.secret is not set");
            }
            Token read = token(token.getJWTClaimsSet());
            verified.put(credentials, read);
            return read;
        } catch (JOSEException | ParseException | IllegalArgumentException | ClassCastException | NullPointerException e) {
            throw new InvalidTokenException("it is damaged");
        }
    }

    private Token token(JWTClaimsSet claims) throws InvalidTokenException, ParseException {
        Instant now = clock.get();
        if (!claims.getAudience().contains(audience)) {
            throw new InvalidTokenException("it is for another service");
        }
        if (claims.getExpirationTime() == null || !now.isBefore(claims.getExpirationTime().toInstant())) {
            throw new InvalidTokenException("it has expired");
        }
        if (claims.getNotBeforeTime() != null && now.plus(SKEW).isBefore(claims.getNotBeforeTime().toInstant())) {
            throw new InvalidTokenException("it is not valid yet");
        }
        Map<String, Set<Action>> access = new HashMap<>();
        for (Object scope : claims.getListClaim(ACCESS)) {
            Map<?, ?> of = (Map<?, ?>) scope;
            Set<Action> actions = EnumSet.noneOf(Action.class);
            ((List<?>) of.get("actions")).forEach(word -> actions.add(Action.of((String) word)));
            access.put((String) of.get("name"), actions);
        }
        Subject subject = new Subject(Subject.Kind.valueOf(claims.getStringClaim(KIND)), claims.getSubject());
        return new Token(subject, access, claims.getExpirationTime().toInstant());
    }
}
