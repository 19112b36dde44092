package io.mirrorregistry.rehearsal;

import io.mirrorregistry.protocol.ApiPath;
import io.mirrorregistry.protocol.ProtocolException;
import io.mirrorregistry.registry.Call;
import io.mirrorregistry.registry.Caller;
import io.mirrorregistry.registry.CutOffEntity;
import io.mirrorregistry.registry.RegistryTroubleException;
import java.net.URI;
import org.apache.hc.client5.http.impl.classic.CloseableHttpClient;
import org.apache.hc.client5.http.impl.classic.CloseableHttpResponse;
import org.apache.hc.core5.http.ClassicHttpRequest;
import org.apache.hc.core5.http.ClassicHttpResponse;
import org.apache.hc.core5.http.ContentType;
import org.apache.hc.core5.http.HttpHost;
import org.apache.hc.core5.http.io.entity.ByteArrayEntity;
import org.apache.hc.core5.http.message.BasicClassicHttpResponse;
import org.apache.hc.core5.http.protocol.HttpContext;
import org.apache.hc.core5.io.CloseMode;

/** The HTTP client of a stand-in for a registry: it responds as the {@link Scene} says and opens no connection. Thread-safe. */
final class StandInClient extends CloseableHttpClient implements Caller {

    private final String registry;
    private final URI base;
    private final Scene scene;

    StandInClient(String registry, URI base, Scene scene) {
        this.registry = registry;
        this.base = base;
        this.scene = scene;
    }

    @Override
    protected CloseableHttpResponse doExecute(HttpHost target, ClassicHttpRequest request, HttpContext context) throws RegistryTroubleException {
        String path = request.getPath().replaceFirst("\\?.*", "");
        String prefix = base.getRawPath() == null ? "" : base.getRawPath().replaceFirst("/$", "");
        try {
            return CloseableHttpResponse.adapt(respond(request.getMethod().equals("HEAD"), ApiPath.parse(path.startsWith(prefix) ? path.substring(prefix.length()) : path)));
        } catch (ProtocolException e) {
            throw new RegistryTroubleException(registry, "a call outside the distribution API: " + path);
        }
    }

    private ClassicHttpResponse respond(boolean head, ApiPath path) throws RegistryTroubleException {
        Scene.Response made = scene.response(registry, path);
        if (made == null) {
            throw new RegistryTroubleException(registry, (head ? "HEAD " : "GET ") + path + ": the connection was refused");
        }
        BasicClassicHttpResponse response = new BasicClassicHttpResponse(made.status());
        made.headers().forEach(response::setHeader);
        response.setHeader("Content-Length", String.valueOf(made.body().length));
        if (!head && made.status() < 300) {
            response.setEntity(new CutOffEntity(new ByteArrayEntity(made.body(), ContentType.parse(made.headers().get("Content-Type"))), () -> { }, () -> { }));
        }
        return response;
    }

    @Override
    public ClassicHttpResponse ask(Call call) throws RegistryTroubleException {
        return respond(call.head(), call.path());
    }

    @Override
    public ClassicHttpResponse askUncounted(Call call) throws RegistryTroubleException {
        return ask(call);
    }

    @Override
    public double millisToFirstByte() {
        return 1;
    }

    @Override
    public void shutDown() {
    }

    @Override
    public void close() {
    }

    @Override
    public void close(CloseMode mode) {
    }
}
