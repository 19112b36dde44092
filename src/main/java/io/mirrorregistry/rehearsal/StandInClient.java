package io.mirrorregistry.rehearsal;

import io.mirrorregistry.protocol.ApiPath;
import io.mirrorregistry.protocol.ByteRange;
import io.mirrorregistry.protocol.ProtocolException;
import io.mirrorregistry.registry.Call;
import io.mirrorregistry.registry.Caller;
import io.mirrorregistry.registry.CutOffEntity;
import io.mirrorregistry.registry.PushBodyException;
import io.mirrorregistry.registry.PushCall;
import io.mirrorregistry.registry.PushResponse;
import io.mirrorregistry.registry.RegistryTroubleException;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.SequenceInputStream;
import java.net.URI;
import java.util.Collections;
import java.util.List;
import org.apache.hc.client5.http.impl.classic.CloseableHttpClient;
import org.apache.hc.client5.http.impl.classic.CloseableHttpResponse;
import org.apache.hc.core5.http.ClassicHttpRequest;
import org.apache.hc.core5.http.ClassicHttpResponse;
import org.apache.hc.core5.http.ContentType;
import org.apache.hc.core5.http.Header;
import org.apache.hc.core5.http.HttpHeaders;
import org.apache.hc.core5.http.HttpHost;
import org.apache.hc.core5.http.io.entity.ByteArrayEntity;
import org.apache.hc.core5.http.io.entity.InputStreamEntity;
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
        Header range = request.getFirstHeader(HttpHeaders.RANGE);
        String prefix = base.getRawPath() == null ? "" : base.getRawPath().replaceFirst("/$", "");
        try {
            return CloseableHttpResponse.adapt(respond(request.getMethod().equals("HEAD"), ApiPath.parse(path.startsWith(prefix) ? path.substring(prefix.length()) : path),
                    range == null ? null : range.getValue()));
        } catch (ProtocolException e) {
            throw new RegistryTroubleException(registry, "a call outside the distribution API: " + path);
        }
    }

    /** @param range null for none */
    private ClassicHttpResponse respond(boolean head, ApiPath path, String range) throws RegistryTroubleException {
        Scene.Response made = scene.response(registry, path);
        if (made == null) {
            throw new RegistryTroubleException(registry, (head ? "HEAD " : "GET ") + path + ": the connection was refused");
        }
        if (!head && path.kind() == ApiPath.Kind.BLOB && scene.manner(registry) == Manner.BREAKS_OFF) {
            return brokenOff(made, range);
        }
        BasicClassicHttpResponse response = new BasicClassicHttpResponse(made.status());
        made.headers().forEach(response::setHeader);
        response.setHeader("Content-Length", String.valueOf(made.body().length));
        if (!head && made.status() < 300) {
            response.setEntity(new CutOffEntity(new ByteArrayEntity(made.body(), ContentType.parse(made.headers().get("Content-Type"))), () -> { }, () -> { }));
        }
        return response;
    }

    /** Breaks off after two reads; a part is whole. */
    private static ClassicHttpResponse brokenOff(Scene.Response made, String range) {
        byte[] blob = made.body();
        ByteRange part = ByteRange.parse(range, blob.length);
        boolean whole = range == null || part == null;
        BasicClassicHttpResponse response = new BasicClassicHttpResponse(whole ? made.status() : 206);
        made.headers().forEach(response::setHeader);
        InputStream body;
        if (whole) {
            int half = blob.length / 2;
            body = new SequenceInputStream(Collections.enumeration(List.of(new ByteArrayInputStream(blob, 0, half / 2),
                    new ByteArrayInputStream(blob, half / 2, half - half / 2), new BrokenStream())));
        } else {
            response.setHeader(HttpHeaders.CONTENT_RANGE, part.contentRange(blob.length));
            body = new ByteArrayInputStream(blob, (int) part.start(), (int) part.length());
        }
        long length = whole ? blob.length : part.length();
        response.setHeader(HttpHeaders.CONTENT_LENGTH, String.valueOf(length));
        response.setEntity(new CutOffEntity(new InputStreamEntity(body, length, ContentType.APPLICATION_OCTET_STREAM), () -> { }, () -> { }));
        return response;
    }

    /** A body on a connection that is lost. */
    private static final class BrokenStream extends InputStream {

        @Override
        public int read() throws IOException {
            throw new IOException("broken off");
        }
    }

    @Override
    public ClassicHttpResponse ask(Call call) throws RegistryTroubleException {
        return respond(call.head(), call.path(), call.range());
    }

    @Override
    public ClassicHttpResponse askUncounted(Call call) throws RegistryTroubleException {
        return ask(call);
    }

    @Override
    public PushResponse push(PushCall call) throws RegistryTroubleException, PushBodyException {
        if (call.body() != null) {
            try {
                call.body().writeTo(OutputStream.nullOutputStream());
            } catch (PushBodyException e) {
                throw e;
            } catch (IOException e) {
                throw new RegistryTroubleException(registry, call + ": the body was not taken");
            }
        }
        return scene.response(registry, call);
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
