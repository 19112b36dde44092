package io.mirrorregistry.config;

import java.net.URI;
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.util.List;
import java.util.Map;

/**
 * The settings of one registry.
 *
 * @param name what routes, logs and health call it
 * @param url base URL, maybe with a path; null for the built-in folder registry
 * @param credentials our account there; null for none
 * @param headers what is sent to this registry with every call
 * @param blobs how its blobs reach the client
 * @param publicUrl the base URL that clients can reach
 * @param connectTimeout the longest time to connect
 * @param responseTimeout the longest time to the first byte of an answer, and between two of its bytes
 * @param tokenHosts further hosts that may see our credentials
 * @param caCertificates authorities that are trusted beside those that Java knows, on calls for this registry
 * @param proxy by way of which this registry is called; null for straight
 */
public record RegistrySettings(
        String name,
        URI url,
        Credentials credentials,
        Map<String, String> headers,
        BlobsMode blobs,
        URI publicUrl,
        Duration connectTimeout,
        Duration responseTimeout,
        List<String> tokenHosts,
        List<X509Certificate> caCertificates,
        ProxySettings proxy) {

    /** Returns whether this is the folder of images that comes with the mirror. */
    public boolean isFolder() {
        return url == null;
    }

    /** Tells the registry without its secrets: headers may carry some. */
    @Override
    public String toString() {
        return name + " " + (isFolder() ? "folder" : url) + " as " + (credentials == null ? "anonymous" : credentials.username())
                + (proxy == null ? "" : " by way of " + proxy);
    }
}
