package io.mirrorregistry.registry;

import io.mirrorregistry.config.ProxySettings;
import java.net.ConnectException;
import java.net.SocketTimeoutException;
import java.net.UnknownHostException;
import javax.net.ssl.SSLException;
import org.apache.hc.client5.http.ConnectTimeoutException;
import org.apache.hc.client5.http.impl.classic.RequestFailedException;
import org.apache.hc.core5.http.ConnectionClosedException;
import org.apache.hc.core5.http.ConnectionRequestTimeoutException;
import org.apache.hc.core5.http.MessageConstraintException;
import org.apache.hc.core5.http.NoHttpResponseException;

/** Tells in a few words of our own why a call failed; exceptions of the HTTP client carry addresses and query strings. */
public final class CallFailures {

    private CallFailures() {
    }

    /**
     * @param proxy by way of which the call was made; null for straight
     * @param time the time of the call
     */
    public static String describe(Exception e, ProxySettings proxy, CallTime time) {
        return (isTimeout(e) ? time.timedOut() : describe(e)) + byWayOf(proxy);
    }

    /** Returns what is said of a proxy, at the end of a message; empty for none. */
    public static String byWayOf(ProxySettings proxy) {
        return proxy == null ? "" : " (by way of the proxy " + proxy.host() + ":" + proxy.port() + ")";
    }

    private static boolean isTimeout(Exception e) {
        return e instanceof SocketTimeoutException && !(e instanceof ConnectTimeoutException) || e instanceof RequestFailedException;
    }

    /** Returns what a failed call says of the registry. One that names an address that is not called may do well with others. */
    public static RegistryTroubleException.Kind kind(Exception e) {
        return e instanceof RefusedAddressException ? RegistryTroubleException.Kind.REFUSED : RegistryTroubleException.Kind.OUTAGE;
    }

    public static String describe(Exception e) {
        if (e instanceof ConnectTimeoutException) {
            return "connect timed out";
        } else if (e instanceof ConnectionRequestTimeoutException) {
            return "no connection free in time";
        } else if (isTimeout(e)) {
            return "timed out";
        } else if (e instanceof RefusedAddressException) {
            return e.getMessage();
        } else if (e instanceof UnknownHostException) {
            return "host name unknown";
        } else if (e instanceof MessageConstraintException) {
            return "the head of its answer is too long";
        } else if (e instanceof NoTunnelException) {
            return e.getMessage();
        } else if (e instanceof SSLException) {
            return "TLS failed: " + e.getMessage();
        } else if (e instanceof ConnectException) {
            return "connection refused";
        } else if (e instanceof NoHttpResponseException || e instanceof ConnectionClosedException) {
            return "connection closed before the answer was whole";
        }
        return "failed: " + e.getClass().getSimpleName() + (e.getMessage() == null ? "" : ": " + e.getMessage());
    }
}
