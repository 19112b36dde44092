package io.mirrorregistry.registry.http;

import io.mirrorregistry.config.RegistrySettings;
import io.mirrorregistry.registry.MirrorIdentity;
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
import org.apache.hc.core5.http.Header;
import org.apache.hc.core5.http.HttpHeaders;
import org.apache.hc.core5.util.TimeValue;
import org.apache.hc.core5.util.Timeout;

/** Makes HTTP clients that do what they are told and nothing by themselves: no retry, no redirect, no decoding, no cookies. */
public final class HttpClients {

    private HttpClients() {
    }

    /**
     * @param connections the most connections at a time: a worker must never wait for one
     * @param guard looks names up, and leaves out addresses that are never called
     */
    public static PoolingHttpClientConnectionManager pool(RegistrySettings registry, int connections, AddressGuard guard) {
        return PoolingHttpClientConnectionManagerBuilder.create()
                .setTlsSocketStrategy(new DefaultClientTlsStrategy(Trust.context(registry.caCertificates())))
                .setConnectionFactory(ManagedHttpClientConnectionFactory.builder()
                        .http1Config(HeadLimits.LINES)
                        .responseParserFactory(new DesyncGuard.Parsers())
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
        Timeout connectTimeout = Timeout.of(registry.connectTimeout());
        Timeout responseTimeout = Timeout.of(registry.responseTimeout());
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
                .setRequestExecutor(new DesyncGuard.Executor())
                .setDefaultRequestConfig(RequestConfig.custom()
                        .setConnectionRequestTimeout(connectTimeout)
                        .setResponseTimeout(responseTimeout)
                        .setProtocolUpgradeEnabled(false)
                        // Challenges are the mirror's to answer; those of a proxy are the client's.
                        .setAuthenticationEnabled(registry.proxy() != null)
                        .build())
                .evictIdleConnections(TimeValue.ofSeconds(30))
                .disableAutomaticRetries()
                .disableRedirectHandling()
                .disableContentCompression()
                .disableCookieManagement()
                .disableDefaultUserAgent()
                // No connection belongs to a user, so that each call may take any.
                .disableConnectionState()
                .build();
    }
}
