package io.mirrorregistry.access;

import io.mirrorregistry.files.Printable;
import io.mirrorregistry.work.FatalErrors;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.net.ConnectException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpConnectTimeoutException;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpTimeoutException;
import java.nio.channels.UnresolvedAddressException;
import java.time.Duration;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executor;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import javax.net.ssl.SSLException;

/** Fetches small documents of issuers by HTTP. Thread-safe. */
final class DocumentFetch {

    static final int MOST_BYTES = 256 * 1024;
    private static final Duration TIMEOUT = Duration.ofSeconds(5);
    /** Time for one document, its redirects included. A server that sends a byte now and then cannot hold a thread for longer. */
    private static final long WHOLE_NANOS = TimeUnit.SECONDS.toNanos(10);
    private static final int MOST_REDIRECTS = 3;
    private static final Set<Integer> REDIRECTS = Set.of(301, 302, 303, 307, 308);

    private final Executor threads;
    /** Made for the first document; guarded by this. */
    private HttpClient client;

    /** @param threads runs the tasks of the HTTP client */
    DocumentFetch(Executor threads) {
        this.threads = threads;
    }

    private synchronized HttpClient client() {
        if (client == null) {
            client = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).followRedirects(HttpClient.Redirect.NEVER).connectTimeout(TIMEOUT)
                    .executor(threads).build();
        }
        return client;
    }

    /**
     * Fetches a document. Blocks for at most about 10 s.
     *
     * @throws InterruptedIOException if the thread is interrupted, because the mirror stops
     * @throws IOException with a message that ends a sentence about the server: printable and bounded
     */
    String get(URI address) throws IOException {
        long end = System.nanoTime() + WHOLE_NANOS;
        URI current = address;
        for (int i = 0; i <= MOST_REDIRECTS; i++) {
            HttpResponse<byte[]> response = send(current, end - System.nanoTime());
            if (response.statusCode() == 200) {
                String text = StrictJson.text(response.body());
                if (text == null) {
                    throw new IOException("it responded with bytes that are no UTF-8");
                }
                return text;
            }
            if (!REDIRECTS.contains(response.statusCode())) {
                throw new IOException("it responded " + response.statusCode());
            }
            current = target(current, response.headers().firstValue("Location").orElse(""));
        }
        throw new IOException("it redirected more than " + MOST_REDIRECTS + " times");
    }

    private static URI target(URI from, String location) throws IOException {
        URI target;
        try {
            target = from.resolve(location);
        } catch (IllegalArgumentException e) {
            throw new IOException("it redirected to something that is no address", e);
        }
        if (!from.getScheme().equalsIgnoreCase(target.getScheme())) {
            throw new IOException("it redirected to another scheme");
        }
        String fault = IssuerCheck.addressFault(target);
        if (fault != null) {
            throw new IOException("it redirected to an address that " + fault);
        }
        return target;
    }

    private HttpResponse<byte[]> send(URI address, long nanosLeft) throws IOException {
        CompletableFuture<HttpResponse<byte[]>> response = null;
        try {
            HttpRequest request = HttpRequest.newBuilder(address).timeout(TIMEOUT).header("Accept", "application/json").build();
            response = client().sendAsync(request, head -> new BoundedBody(head.statusCode() == 200 ? MOST_BYTES : 0));
            return response.get(nanosLeft, TimeUnit.NANOSECONDS);
        } catch (ExecutionException e) {
            FatalErrors.check(e);
            throw new IOException(reason(e.getCause()), e.getCause());
        } catch (TimeoutException e) {
            throw new IOException("it did not respond in time", e);
        } catch (IllegalArgumentException | RejectedExecutionException e) {
            throw new IOException("it cannot be asked", e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new InterruptedIOException("the mirror stops");
        } finally {
            if (response != null) {
                // Ends the connection of a call that is not over.
                response.cancel(true);
            }
        }
    }

    private static String reason(Throwable failure) {
        if (failure instanceof HttpConnectTimeoutException) {
            return "connecting to it took longer than " + TIMEOUT.toSeconds() + " s";
        }
        if (failure instanceof HttpTimeoutException) {
            return "it did not respond within " + TIMEOUT.toSeconds() + " s";
        }
        if (failure instanceof ConnectException) {
            boolean unknown = failure.getCause() instanceof UnresolvedAddressException || failure.getCause() != null
                    && failure.getCause().getCause() instanceof UnresolvedAddressException;
            return unknown ? "its host name is unknown" : "it refused the connection";
        }
        if (failure instanceof SSLException) {
            return "TLS failed: " + Printable.of(String.valueOf(failure.getMessage()));
        }
        return failure.getMessage() == null ? "the connection failed: " + failure.getClass().getSimpleName() : Printable.of(String.valueOf(failure.getMessage()));
    }
}
