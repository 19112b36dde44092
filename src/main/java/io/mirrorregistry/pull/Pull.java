package io.mirrorregistry.pull;

import io.mirrorregistry.protocol.ApiRequest;
import io.mirrorregistry.registry.NotHereException;
import io.mirrorregistry.registry.RegistryTroubleException;
import io.vertx.core.http.HttpConnection;
import io.vertx.core.http.HttpMethod;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.core.http.HttpServerResponse;
import java.util.ArrayList;
import java.util.List;
import org.apache.camel.Exchange;

/** What is known of one request while it is worked on. Worked on by one thread at a time; the access log reads it at the end. */
public final class Pull {

    private static final String PROPERTY = "mirror.pull";

    private final boolean head;
    private final HttpServerRequest client;
    private final HttpServerResponse response;
    private final List<Exception> failures = new ArrayList<>(2);
    private volatile ApiRequest request;
    private volatile String servedBy;
    private volatile boolean abandoned;
    private volatile Runnable whenAbandoned;
    private volatile Fallback first;

    /**
     * Why a registry could not serve.
     *
     * @param registry its name
     * @param reason in a word
     * @param message what was asked and what happened
     */
    public record Fallback(String registry, String reason, String message) {
    }

    /**
     * @param client the request as it came in
     * @param response where the answer goes, for steps that stream
     */
    public Pull(HttpServerRequest client, HttpServerResponse response) {
        this.head = client.method() == HttpMethod.HEAD;
        this.client = client;
        this.response = response;
    }

    /** Returns the pull that the exchange carries; null where the request was none of the API's. */
    public static Pull of(Exchange exchange) {
        return exchange.getProperty(PROPERTY, Pull.class);
    }

    /** Makes the exchange carry this pull. */
    public void on(Exchange exchange) {
        exchange.setProperty(PROPERTY, this);
    }

    /** Returns whether the method is HEAD. */
    public boolean head() {
        return head;
    }

    public HttpServerResponse response() {
        return response;
    }

    public HttpConnection connection() {
        return client.connection();
    }

    /** Returns whether the client has gone before its answer was whole. */
    public boolean abandoned() {
        return abandoned;
    }

    /** Says that the client has gone. */
    public void abandon() {
        abandoned = true;
        Runnable action = whenAbandoned;
        if (action != null) {
            action.run();
        }
    }

    /** Sets what is to be done, at once and on the event loop, when the client goes. */
    public void whenAbandoned(Runnable action) {
        whenAbandoned = action;
        if (abandoned) {
            action.run();
        }
    }

    /** Returns the request; null while it has not been understood. */
    public ApiRequest request() {
        return request;
    }

    public void request(ApiRequest understood) {
        this.request = understood;
    }

    /** Returns the name of the registry whose answer the client gets; null while there is none. */
    public String servedBy() {
        return servedBy;
    }

    public void servedBy(String registry) {
        this.servedBy = registry;
    }

    /** Remembers that a registry could not serve this pull. */
    public void failed(Exception failure) {
        if (!failures.contains(failure)) {
            failures.add(failure);
        }
    }

    /** Remembers that a registry was asked for this pull and could not serve it. */
    void failedFirst(Fallback failure) {
        if (first == null) {
            first = failure;
        }
    }

    /** Returns why the first registry could not serve, once another has been asked; null otherwise. */
    public Fallback fallback() {
        Fallback failure = first;
        return failure != null && (servedBy != null || failures.size() > 1) ? failure : null;
    }

    /** Returns what {@link NotHereException} and {@link RegistryTroubleException} there were, in the order of asking. */
    public List<Exception> failures() {
        return failures;
    }

    /** Returns the troubles among the failures. */
    public List<RegistryTroubleException> troubles() {
        List<RegistryTroubleException> troubles = new ArrayList<>(failures.size());
        for (Exception failure : failures) {
            if (failure instanceof RegistryTroubleException trouble) {
                troubles.add(trouble);
            }
        }
        return troubles;
    }
}
