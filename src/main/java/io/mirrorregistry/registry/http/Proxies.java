package io.mirrorregistry.registry.http;

import io.mirrorregistry.config.Credentials;
import io.mirrorregistry.config.ProxySettings;
import io.mirrorregistry.registry.NoTunnelException;
import java.io.IOException;
import org.apache.hc.client5.http.auth.AuthCache;
import org.apache.hc.client5.http.auth.AuthScope;
import org.apache.hc.client5.http.auth.UsernamePasswordCredentials;
import org.apache.hc.client5.http.classic.ExecChain;
import org.apache.hc.client5.http.impl.ChainElement;
import org.apache.hc.client5.http.impl.auth.BasicAuthCache;
import org.apache.hc.client5.http.impl.auth.BasicScheme;
import org.apache.hc.client5.http.impl.auth.CredentialsProviderBuilder;
import org.apache.hc.client5.http.impl.classic.HttpClientBuilder;
import org.apache.hc.core5.http.ClassicHttpRequest;
import org.apache.hc.core5.http.ClassicHttpResponse;
import org.apache.hc.core5.http.HttpException;
import org.apache.hc.core5.http.HttpHost;

/** Sends what an HTTP client calls by way of a proxy. */
final class Proxies {

    private static final String CONNECTED = "mirror.proxy.connected";

    private Proxies() {
    }

    /** Gives a client its proxy, and what the proxy wants to know of us; with null, none. */
    static HttpClientBuilder through(ProxySettings proxy, HttpClientBuilder client) {
        if (proxy == null) {
            return client.disableAuthCaching();
        }
        HttpHost host = new HttpHost(proxy.scheme(), proxy.host(), proxy.port());
        client.setProxy(host)
                .addExecInterceptorBefore(ChainElement.CONNECT.name(), "proxy-refused", Proxies::requireConnected)
                .addExecInterceptorAfter(ChainElement.CONNECT.name(), "proxy-connected", (request, scope, chain) -> {
                    scope.clientContext.setAttribute(CONNECTED, true);
                    return chain.proceed(request, scope);
                });
        if (proxy.credentials() == null) {
            return client.disableAuthCaching();
        }
        UsernamePasswordCredentials account = account(proxy.credentials());
        return client
                .setDefaultCredentialsProvider(CredentialsProviderBuilder.create().add(new AuthScope(host), account).build())
                // Tells the account at once; the client would wait to be asked for it, at each connection or even at each call.
                .addExecInterceptorFirst("proxy-account", (request, scope, chain) -> {
                    scope.clientContext.setAuthCache(known(host, account));
                    return chain.proceed(request, scope);
                });
    }

    private static ClassicHttpResponse requireConnected(ClassicHttpRequest request, ExecChain.Scope scope, ExecChain chain)
            throws IOException, HttpException {
        ClassicHttpResponse response = chain.proceed(request, scope);
        if (scope.clientContext.getAttribute(CONNECTED) == null) {
            response.close();
            throw new NoTunnelException(response.getCode());
        }
        return response;
    }

    private static AuthCache known(HttpHost proxy, UsernamePasswordCredentials account) {
        BasicScheme basic = new BasicScheme();
        basic.initPreemptive(account);
        AuthCache cache = new BasicAuthCache();
        cache.put(proxy, basic);
        return cache;
    }

    private static UsernamePasswordCredentials account(Credentials credentials) {
        return new UsernamePasswordCredentials(credentials.username(), credentials.password().toCharArray());
    }
}
