package io.mirrorregistry.registry.http;

import io.mirrorregistry.config.RegistrySettings;
import io.mirrorregistry.registry.MirrorIdentity;
import java.time.Duration;
import javax.net.ssl.SSLSocket;
import org.apache.hc.client5.http.SystemDefaultDnsResolver;
import org.apache.hc.client5.http.config.ConnectionConfig;
import org.apache.hc.client5.http.config.RequestConfig;
import org.apache.hc.client5.http.impl.ChainElement;
import org.apache.hc.client5.http.impl.classic.CloseableHttpClient;
import org.apache.hc.client5.http.impl.classic.HttpClientBuilder;
import org.apache.hc.client5.http.impl.io.ManagedHttpClientConnectionFactory;
import org.apache.hc.client5.http.impl.io.PoolingHttpClientConnectionManager;
import org.apache.hc.client5.http.impl.io.PoolingHttpClientConnectionManagerBuilder;
import org.apache.hc.client5.http.ssl.DefaultClientTlsStrategy;
import org.apache.hc.client5.http.ssl.TlsSocketStrategy;
import org.apache.hc.core5.http.Header;
import org.apache.hc.core5.http.HttpHeaders;
import org.apache.hc.core5.http.config.Http1Config;
import org.apache.hc.core5.util.TimeValue;
import org.apache.hc.core5.util.Timeout;

/** Makes HTTP clients that do what they are told and nothing by themselves: no retry, no redirect, no decoding, no cookies. */
public final class HttpClients {

    private static final TimeValue LONGEST_IDLE = TimeValue.ofSeconds(30);
    /**
     * With room for a chunk of 64 KiB and its frame, each chunk is one write to the socket. The HTTP client writes what is longer than its buffer in
     * three parts.
     */
    private static final int UPLOAD_BUFFER_BYTES = 72 * 1024;
    private static final Http1Config UPLOAD_LINES = Http1Config.copy(HeadLimits.LINES).setBufferSize(UPLOAD_BUFFER_BYTES).build();

    private HttpClients() {
    }

    /**
     * @param connections the most connections at a time: a worker must never wait for one
     * @param guard looks names up, and leaves out addresses that are never called
     */
    public static PoolingHttpClientConnectionManager pool(RegistrySettings registry, int connections, AddressGuard guard) {
        return pool(registry, connections, guard, tls(registry), HeadLimits.LINES, new DesyncGuard.Parsers());
    }

    /** Returns what secures connections, with the sessions that can be resumed. */
    static TlsSocketStrategy tls(RegistrySettings registry) {
        return new DefaultClientTlsStrategy(Trust.context(registry.caCertificates()));
    }

    static PoolingHttpClientConnectionManager pool(RegistrySettings registry, int connections, AddressGuard guard, TlsSocketStrategy tls, Http1Config lines,
            DesyncGuard.Parsers parsers) {
        return PoolingHttpClientConnectionManagerBuilder.create()
                .setTlsSocketStrategy(tls)
                .setConnectionFactory(ManagedHttpClientConnectionFactory.builder()
                        .http1Config(lines)
                        .responseParserFactory(parsers)
                        .build())
                .setDnsResolver(registry.proxy() == null ? guard : SystemDefaultDnsResolver.INSTANCE)
                .setMaxConnTotal(connections)
                .setMaxConnPerRoute(connections)
                .setDefaultConnectionConfig(ConnectionConfig.custom()
                        .setConnectTimeout(Timeout.of(registry.connectTimeout()))
                        .setSocketTimeout(Timeout.of(registry.responseTimeout()))
                        .setValidateAfterInactivity(TimeValue.ofSeconds(1))
                        .build())
                .build();
    }

    /**
     * @param pool the connections, which the client closes with itself
     * @param guard checks the text of hosts where a proxy looks names up
     * @param self what the calls carry
     */
    public static CloseableHttpClient create(RegistrySettings registry, PoolingHttpClientConnectionManager pool, AddressGuard guard, MirrorIdentity self) {
        return builder(registry, pool, guard, self)
                .setRequestExecutor(new DesyncGuard.Executor())
                .evictIdleConnections(LONGEST_IDLE)
                .build();
    }

    /**
     * Makes a client that makes a connection for each request, and sends bodies as {@link UploadTransfer} says. Nobody waits for a connection, and none
     * is kept.
     */
    static CloseableHttpClient uploads(RegistrySettings registry, TlsSocketStrategy tls, AddressGuard guard, MirrorIdentity self) {
        TlsSocketStrategy noted = (socket, host, port, attachment, context) -> {
            if (!(socket instanceof SSLSocket)) {
                context.setAttribute(UploadTransfer.SOCKET, socket);
            }
            return tls.upgrade(socket, host, port, attachment, context);
        };
        return builder(registry, pool(registry, Integer.MAX_VALUE, guard, noted, UPLOAD_LINES, new DesyncGuard.Parsers(true)), guard, self)
                .setRequestExecutor(new UploadTransfer.Executor())
                .setConnectionReuseStrategy((request, response, context) -> false)
                .build();
    }

    private static HttpClientBuilder builder(RegistrySettings registry, PoolingHttpClientConnectionManager pool, AddressGuard guard, MirrorIdentity self) {
        HttpClientBuilder client = HttpClientBuilder.create();
        if (registry.proxy() != null) {
            client.addExecInterceptorFirst("address-guard", guard);
        }
        return Proxies.through(registry.proxy(), client)
                .setConnectionManager(pool)
                .addRequestInterceptorLast((request, body, context) -> {
                    Header passed = request.getFirstHeader(HttpHeaders.VIA);
                    request.setHeader(HttpHeaders.VIA, self.via(passed == null ? null : passed.getValue()));
                })
                .addExecInterceptorAfter(ChainElement.PROTOCOL.name(), "target", TargetRequest::set)
                .setDefaultRequestConfig(config(registry, registry.responseTimeout()))
                .disableAutomaticRetries()
                .disableRedirectHandling()
                .disableContentCompression()
                .disableCookieManagement()
                .disableDefaultUserAgent()
                // No connection belongs to a user, so that each call may take any.
                .disableConnectionState();
    }

    /** @param responseTimeout the longest time without a byte of the response */
    static RequestConfig config(RegistrySettings registry, Duration responseTimeout) {
        return RequestConfig.custom()
                .setConnectionRequestTimeout(Timeout.of(registry.connectTimeout()))
                .setResponseTimeout(Timeout.of(responseTimeout))
                .setProtocolUpgradeEnabled(false)
                // Challenges are the mirror's to answer; those of a proxy are the client's.
                .setAuthenticationEnabled(registry.proxy() != null)
                .build();
    }
}
