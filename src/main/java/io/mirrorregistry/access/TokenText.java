package io.mirrorregistry.access;

import com.nimbusds.jose.JWSAlgorithm;
import com.nimbusds.jwt.SignedJWT;
import java.text.ParseException;
import java.util.Base64;
import java.util.Set;

/**
 * The text of a signed token: header, claims and signature, each in base64url, with dots between them.
 *
 * @see <a href="https://www.rfc-editor.org/rfc/rfc7515#section-7.1">RFC 7515, section 7.1: compact serialization</a>
 */
final class TokenText {

    /** The bound on a token's length, in characters. */
    static final int MOST_CHARACTERS = 16 * 1024;

    /** Ed25519 is missing: the library verifies it only together with another library. */
    static final Set<JWSAlgorithm> ALGORITHMS = Set.of(JWSAlgorithm.RS256, JWSAlgorithm.RS384, JWSAlgorithm.RS512, JWSAlgorithm.PS256, JWSAlgorithm.PS384,
            JWSAlgorithm.PS512, JWSAlgorithm.ES256, JWSAlgorithm.ES384, JWSAlgorithm.ES512);

    private TokenText() {
    }

    /** Returns whether the text has the form of a token, signed or not. Does not verify it. */
    static boolean looksLikeToken(String text) {
        if (text == null || text.length() > MOST_CHARACTERS || !hasThreeParts(text)) {
            return false;
        }
        return members(text.substring(0, text.indexOf('.'))) != null;
    }

    /** The signature may be empty, as in a token that is not signed: that is refused as a token, and not taken for a password. */
    private static boolean hasThreeParts(String text) {
        int dots = 0;
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            boolean base64url = c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_';
            boolean dotAfterPart = c == '.' && i > 0 && text.charAt(i - 1) != '.';
            if (!base64url && !dotAfterPart) {
                return false;
            }
            dots += c == '.' ? 1 : 0;
        }
        return dots == 2;
    }

    private static Set<String> members(String part) {
        String json = decoded(part);
        return json == null ? null : StrictJson.members(json);
    }

    /** Returns the text in a part; null for a part that is no base64url or no UTF-8. */
    private static String decoded(String part) {
        try {
            return StrictJson.text(Base64.getUrlDecoder().decode(part));
        } catch (IllegalArgumentException e) {
            return null;
        }
    }

    /**
     * Reads a token without verifying it.
     *
     * @throws InvalidTokenException if it is malformed or says that it is not signed by a private key
     */
    static SignedJWT parse(String text) throws InvalidTokenException {
        if (!looksLikeToken(text)) {
            throw new InvalidTokenException("it is no signed token");
        }
        String[] parts = text.split("\\.", -1);
        if (members(parts[1]) == null) {
            throw new InvalidTokenException("its claims are no JSON object with unique members");
        }
        // The library drops an empty list of critical parameters, and would read the claims without base64url if the list names b64.
        if (members(parts[0]).contains("crit")) {
            throw new InvalidTokenException("its header has critical parameters, and none is supported");
        }
        try {
            SignedJWT token = SignedJWT.parse(text);
            if (!ALGORITHMS.contains(token.getHeader().getAlgorithm())) {
                throw new InvalidTokenException("its algorithm is none of RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512");
            }
            return token;
        } catch (ParseException e) {
            throw new InvalidTokenException("its header is not that of a signed token, or it has no signature");
        }
    }
}
