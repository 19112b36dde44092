package io.mirrorregistry.registry.http;

import java.io.IOException;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.cert.X509Certificate;
import java.util.List;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManager;
import javax.net.ssl.TrustManagerFactory;
import javax.net.ssl.X509TrustManager;

/** Says which certificates of registries are believed. */
final class Trust {

    private Trust() {
    }

    /** Returns a TLS context that trusts the authorities that Java trusts, and these. */
    static SSLContext context(List<X509Certificate> more) {
        try {
            SSLContext context = SSLContext.getInstance("TLS");
            context.init(null, more.isEmpty() ? null : managers(more), null);
            return context;
        } catch (IOException | GeneralSecurityException e) {
            throw new IllegalStateException("Java refused its own trust store together with ca-certificate", e);
        }
    }

    private static TrustManager[] managers(List<X509Certificate> more) throws IOException, GeneralSecurityException {
        KeyStore authorities = KeyStore.getInstance(KeyStore.getDefaultType());
        authorities.load(null, null);
        for (TrustManager manager : managers((KeyStore) null)) {
            if (manager instanceof X509TrustManager known) {
                add(authorities, "java", List.of(known.getAcceptedIssuers()));
            }
        }
        add(authorities, "mirror", more);
        return managers(authorities);
    }

    /** @param authorities null for those that Java trusts */
    private static TrustManager[] managers(KeyStore authorities) throws GeneralSecurityException {
        TrustManagerFactory factory = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        factory.init(authorities);
        return factory.getTrustManagers();
    }

    private static void add(KeyStore authorities, String origin, List<X509Certificate> certificates) throws GeneralSecurityException {
        for (int i = 0; i < certificates.size(); i++) {
            authorities.setCertificateEntry(origin + "-" + i, certificates.get(i));
        }
    }
}
