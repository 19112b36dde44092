package io.mirrorregistry.access;

import com.nimbusds.jose.jwk.JWKSet;
import java.net.URI;
import java.net.URISyntaxException;
import java.util.Optional;
import java.util.regex.Pattern;

/** Checks an issuer's entry, and the addresses that its keys are fetched from. */
final class IssuerCheck {

    private static final Pattern LOOPBACK = Pattern.compile("localhost|127(\\.\\d{1,3}){3}|\\[::1]", Pattern.CASE_INSENSITIVE);

    private IssuerCheck() {
    }

    /** Returns what is wrong with an entry, as a sentence without the full stop that begins with the key in {@code access.yaml}; empty if nothing is. */
    static Optional<String> fault(Issuer issuer) {
        String address = issuerFault(issuer);
        if (address != null) {
            return Optional.of("issuer " + address);
        }
        if (issuer.audience() == null || issuer.audience().isBlank()) {
            return Optional.of("audience is empty");
        }
        try {
            UserTemplate.parse(issuer.user());
        } catch (IllegalArgumentException e) {
            return Optional.of("user " + e.getMessage());
        }
        String keys = issuer.keysText() != null ? textFault(issuer.keysText()) : issuer.keys() != null ? addressFault(issuer.keys()) : null;
        return keys == null ? Optional.empty() : Optional.of("keys " + keys);
    }

    private static String issuerFault(Issuer issuer) {
        URI address;
        try {
            address = new URI(issuer.issuer() == null ? "" : issuer.issuer());
        } catch (URISyntaxException e) {
            return "is no address";
        }
        if (address.getRawQuery() != null) {
            return "has a query";
        }
        boolean fetched = issuer.keys() == null && issuer.keysText() == null;
        return fetched || !"http".equalsIgnoreCase(address.getScheme()) ? addressFault(address) : formFault(address);
    }

    private static String textFault(String keysText) {
        try {
            JWKSet keys = PublicKeys.read(keysText);
            if (PublicKeys.holdSecret(keys)) {
                return "holds a private key or a secret; it must hold public keys only";
            }
            return PublicKeys.usable(keys).isEmpty() ? "holds no key that can verify tokens: RSA of at least 2048 bits, or EC on P-256, P-384 or P-521" : null;
        } catch (IllegalArgumentException e) {
            return e.getMessage();
        }
    }

    /** Returns why nothing is fetched from an address, as the end of a sentence that begins with it; null if it may be fetched from. */
    static String addressFault(URI address) {
        String form = formFault(address);
        if (form != null) {
            return form;
        }
        return "http".equalsIgnoreCase(address.getScheme()) && !LOOPBACK.matcher(address.getHost()).matches()
                ? "is http: anybody on the way could exchange the keys; only a loopback host may have http" : null;
    }

    private static String formFault(URI address) {
        if (!"https".equalsIgnoreCase(address.getScheme()) && !"http".equalsIgnoreCase(address.getScheme()) || address.getHost() == null) {
            return "is no http or https address";
        }
        if (address.getRawUserInfo() != null) {
            return "has a user name in it";
        }
        return address.getRawFragment() != null ? "has a fragment" : null;
    }
}
