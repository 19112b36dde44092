package io.mirrorregistry.config;

import java.net.URI;
import java.nio.file.Path;
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.util.List;
import java.util.Map;

/**
 * The settings of one registry.
 *
 * @param name what routes, logs and health call it
 * @param url base URL, maybe with a path; null for a folder of images
 * @param account our account there, to be asked at each use
 * @param headers what is sent to this registry with every call
 * @param blobs how its blobs reach the client
 * @param publicUrl the base URL that clients can reach
 * @param connectTimeout the longest time to connect
 * @param responseTimeout the longest time to the first byte of an answer, and between two of its bytes
 * @param patience how long this registry may take to respond while another registry of the plan is left; zero for no such limit
 * @param tokenHosts further hosts that may see our credentials
 * @param caCertificates authorities that are trusted beside those that Java knows, on calls for this registry
 * @param proxy by way of which this registry is called; null for straight
 * @param serves the namespaces that are pulled from this registry: host names in lower case, perhaps with a port; maybe empty
 * @param prefix put before the name of each repository that is asked for here; empty or with a slash at its end
 * @param library whether a repository whose name has one part is asked for as {@code library/NAME}
 * @param folder the OCI image layout that is this registry; null for a registry that is called
 */
public record RegistrySettings(
        String name,
        URI url,
        Account account,
        Map<String, String> headers,
        BlobsMode blobs,
        URI publicUrl,
        Duration connectTimeout,
        Duration responseTimeout,
        Duration patience,
        List<String> tokenHosts,
        List<X509Certificate> caCertificates,
        ProxySettings proxy,
        List<String> serves,
        String prefix,
        boolean library,
        Path folder) {

    /** Returns whether this is a folder of images, which the mirror reads itself. */
    public boolean isFolder() {
        return folder != null;
    }

    /** Tells the registry without its secrets: headers may carry some. */
    @Override
    public String toString() {
        Credentials credentials = account.current();
        return name + " " + (isFolder() ? "folder" : url) + " as " + (credentials == null ? "anonymous" : credentials.username())
                + (proxy == null ? "" : " by way of " + proxy);
    }
}
