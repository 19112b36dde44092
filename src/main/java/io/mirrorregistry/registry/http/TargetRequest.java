package io.mirrorregistry.registry.http;

import java.io.IOException;
import java.net.URI;
import org.apache.hc.client5.http.classic.ExecChain;
import org.apache.hc.client5.http.classic.methods.HttpUriRequestBase;
import org.apache.hc.core5.http.ClassicHttpRequest;
import org.apache.hc.core5.http.ClassicHttpResponse;
import org.apache.hc.core5.http.HttpException;

/**
 * A request that gets its path and query late: the HTTP client takes each path apart, and puts it together again, to find out for which paths its
 * own authentication holds. The mirror authenticates itself, so that this work would be for nothing. Clients have to call {@link #set} after
 * their protocol step.
 */
final class TargetRequest extends HttpUriRequestBase {

    private final String target;

    /**
     * @param base names any path of the server
     * @param target path and query as they are sent
     */
    TargetRequest(String method, URI base, String target) {
        super(method, base);
        this.target = target;
    }

    /** Sets the path and query of such a request; any other request goes on as it is. */
    static ClassicHttpResponse set(ClassicHttpRequest request, ExecChain.Scope scope, ExecChain chain) throws IOException, HttpException {
        if (scope.originalRequest instanceof TargetRequest original) {
            request.setPath(original.target);
        }
        return chain.proceed(request, scope);
    }
}
