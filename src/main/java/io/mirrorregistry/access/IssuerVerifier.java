package io.mirrorregistry.access;

import com.nimbusds.jose.JOSEException;
import com.nimbusds.jose.JOSEObjectType;
import com.nimbusds.jose.KeySourceException;
import com.nimbusds.jose.proc.BadJOSEException;
import com.nimbusds.jose.proc.DefaultJOSEObjectTypeVerifier;
import com.nimbusds.jose.proc.JWSVerificationKeySelector;
import com.nimbusds.jose.proc.SecurityContext;
import com.nimbusds.jwt.JWTClaimsSet;
import com.nimbusds.jwt.SignedJWT;
import com.nimbusds.jwt.proc.BadJWTException;
import com.nimbusds.jwt.proc.DefaultJWTClaimsVerifier;
import com.nimbusds.jwt.proc.DefaultJWTProcessor;
import com.nimbusds.jwt.proc.ExpiredJWTException;
import java.text.ParseException;
import java.time.Instant;
import java.util.Date;
import java.util.Set;
import java.util.function.Supplier;

/** Verifies the tokens of one issuer's entry. Runs on the issuer's own thread. */
final class IssuerVerifier {

    private static final int CLOCK_SKEW_SECONDS = 60;

    private final Issuer issuer;
    private final IssuerKeys keys;
    private final Supplier<Instant> clock;
    private final UserTemplate user;
    private final DefaultJWTProcessor<SecurityContext> processor = new DefaultJWTProcessor<>();

    /**
     * @param issuer without a {@linkplain IssuerCheck#fault fault}
     * @param clock the time of day
     */
    IssuerVerifier(Issuer issuer, IssuerKeys keys, Supplier<Instant> clock) {
        this.issuer = issuer;
        this.keys = keys;
        this.clock = clock;
        this.user = UserTemplate.parse(issuer.user());
        processor.setJWSTypeVerifier(new DefaultJOSEObjectTypeVerifier<>(JOSEObjectType.JWT, new JOSEObjectType("at+jwt"),
                new JOSEObjectType("application/at+jwt"), null));
        processor.setJWSKeySelector(new JWSVerificationKeySelector<>(TokenText.ALGORITHMS, keys));
        processor.setJWTClaimsSetVerifier(claimsVerifier());
    }

    private DefaultJWTClaimsVerifier<SecurityContext> claimsVerifier() {
        JWTClaimsSet exact = new JWTClaimsSet.Builder().issuer(issuer.issuer()).build();
        DefaultJWTClaimsVerifier<SecurityContext> verifier = new DefaultJWTClaimsVerifier<>(issuer.audience(), exact, Set.of("exp")) {
            @Override
            protected Date currentTime() {
                return Date.from(clock.get());
            }
        };
        verifier.setMaxClockSkew(CLOCK_SKEW_SECONDS);
        return verifier;
    }

    IssuerKeys keys() {
        return keys;
    }

    /** Returns whether claims that are not verified name the issuer. */
    boolean isNamedBy(JWTClaimsSet claims) {
        return issuer.issuer().equals(claims.getIssuer());
    }

    /** Returns whether claims that are not verified name the audience. */
    boolean isFor(JWTClaimsSet claims) {
        return claims.getAudience().contains(issuer.audience());
    }

    /**
     * Verifies a token. May wait for the issuer.
     *
     * @throws UnknownKeyException if the issuer has no key that fits the token's header
     * @throws InvalidTokenException if the token proves nothing; nothing from the token is in the message
     * @throws IssuerAwayException if the keys cannot be fetched
     */
    IssuerTokens.Verified verify(SignedJWT token) throws UnknownKeyException, InvalidTokenException, IssuerAwayException {
        try {
            JWTClaimsSet claims = processor.process(token, null);
            if (isInFuture(claims.getIssueTime())) {
                throw new InvalidTokenException("it is issued in the future");
            }
            Subject subject = new Subject(Subject.Kind.ISSUER, user.name(token.getPayload().toJSONObject()));
            return new IssuerTokens.Verified(subject, claims.getExpirationTime().toInstant());
        } catch (UnknownKeyException e) {
            throw e;
        } catch (KeySourceException e) {
            throw new IssuerAwayException("The keys of issuer " + issuer.issuer() + " cannot be fetched: " + e.getMessage());
        } catch (ExpiredJWTException e) {
            throw new InvalidTokenException("it has expired");
        } catch (BadJWTException e) {
            throw new InvalidTokenException(claimsFault(token));
        } catch (BadJOSEException | JOSEException e) {
            throw new InvalidTokenException("its type is none of JWT and at+jwt, or its signature is wrong");
        }
    }

    /** Returns why the claims are refused: the library's own message has their values in it. */
    private String claimsFault(SignedJWT token) {
        try {
            JWTClaimsSet claims = token.getJWTClaimsSet();
            if (claims.getExpirationTime() == null) {
                return "its claim exp is missing";
            }
            if (!isFor(claims)) {
                return "its audience is not " + issuer.audience();
            }
            return isInFuture(claims.getNotBeforeTime()) ? "it is not valid yet" : "its claims do not fit";
        } catch (ParseException e) {
            return "its claims are malformed";
        }
    }

    private boolean isInFuture(Date time) {
        return time != null && time.toInstant().isAfter(clock.get().plusSeconds(CLOCK_SKEW_SECONDS));
    }
}
