package io.mirrorregistry.rehearsal;

import io.mirrorregistry.protocol.ApiPath;
import io.mirrorregistry.protocol.MediaTypes;
import io.netty.handler.codec.http.DefaultHttpHeaders;
import io.netty.handler.codec.http.HttpHeaders;
import io.netty.handler.codec.http.QueryStringDecoder;
import io.vertx.core.Future;
import io.vertx.core.MultiMap;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpConnection;
import io.vertx.core.http.HttpMethod;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.core.http.HttpServerResponse;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;

/**
 * The client of one rehearsed request: a request that nobody has sent, and a response that keeps what steps write to it. Vert.x has no
 * implementation of its interfaces without a connection, so that these are proxies, with the methods that steps use.
 */
final class RehearsedClient {

    private final HttpMethod method;
    private final String uri;
    private final MultiMap requestHeaders = MultiMap.caseInsensitiveMultiMap();
    /** Refuses names and values that no response can have, as a response does. */
    private final HttpHeaders responseHeaders = new DefaultHttpHeaders();
    private final Buffer written = Buffer.buffer();
    private final HttpServerRequest request = proxy(HttpServerRequest.class, this::ofRequest);
    private final HttpServerResponse response = proxy(HttpServerResponse.class, this::ofResponse);
    private final HttpConnection connection = proxy(HttpConnection.class, this::ofConnection);
    private int status = 200;
    private boolean begun;
    private boolean ended;
    private boolean cut;

    private interface Handler {
        Object call(Method called, Object[] arguments);
    }

    RehearsedClient(RehearsedRequest sent) {
        this.method = HttpMethod.valueOf(sent.method());
        this.uri = sent.uri();
        requestHeaders.set("Host", "mirror.invalid").set("User-Agent", "rehearsal");
        if (sent.body().length > 0) {
            requestHeaders.set("Content-Length", String.valueOf(sent.body().length))
                    .set("Content-Type", sent.kind() == ApiPath.Kind.MANIFEST ? MediaTypes.OCI_MANIFEST : MediaTypes.OCTET_STREAM);
        }
    }

    private static <T> T proxy(Class<T> type, Handler handler) {
        return type.cast(Proxy.newProxyInstance(type.getClassLoader(), new Class<?>[] {type}, (self, called, arguments) -> {
            if (called.getDeclaringClass() == Object.class) {
                return switch (called.getName()) {
                    case "equals" -> self == arguments[0];
                    case "hashCode" -> System.identityHashCode(self);
                    default -> "rehearsed " + type.getSimpleName();
                };
            }
            Object result = handler.call(called, arguments);
            return result == null && called.getReturnType().isInstance(self) ? self : result == null ? nothing(called.getReturnType()) : result;
        }));
    }

    private static Object nothing(Class<?> type) {
        if (type == Future.class) {
            return Future.succeededFuture();
        }
        return type == boolean.class ? Boolean.FALSE : type == int.class ? (Object) 0 : type == long.class ? (Object) 0L : null;
    }

    private Object ofRequest(Method called, Object[] arguments) {
        return switch (called.getName()) {
            case "method" -> method;
            case "uri" -> uri;
            case "path" -> uri.replaceFirst("\\?.*", "");
            case "query" -> uri.contains("?") ? uri.substring(uri.indexOf('?') + 1) : null;
            case "params" -> params();
            case "getParam" -> params().contains((String) arguments[0]) ? params().get((String) arguments[0]) : arguments.length > 1 ? arguments[1] : null;
            case "headers" -> requestHeaders;
            case "getHeader" -> requestHeaders.get(arguments[0].toString());
            case "response" -> response;
            case "connection" -> connection;
            case "scheme" -> "http";
            case "host" -> "mirror.invalid";
            case "isEnded" -> true;
            default -> null;
        };
    }

    private MultiMap params() {
        MultiMap all = MultiMap.caseInsensitiveMultiMap();
        new QueryStringDecoder(uri).parameters().forEach((name, values) -> all.add(name, values));
        return all;
    }

    private Object ofResponse(Method called, Object[] arguments) {
        switch (called.getName()) {
            case "setStatusCode" -> status = (int) arguments[0];
            case "putHeader" -> put(arguments[0].toString(), arguments[1]);
            case "write" -> write(arguments[0]);
            case "end" -> {
                if (arguments != null && arguments.length > 0) {
                    write(arguments[0]);
                }
                begun = true;
                ended = true;
            }
            case "sendFile", "reset" -> {
                begun = true;
                ended = true;
            }
            case "getStatusCode" -> {
                return status;
            }
            case "headWritten" -> {
                return begun;
            }
            case "ended", "closed" -> {
                return ended;
            }
            default -> {
                return null;
            }
        }
        return null;
    }

    private void put(String name, Object value) {
        if (value instanceof Iterable<?> values) {
            responseHeaders.remove(name);
            values.forEach(one -> responseHeaders.add(name, one.toString()));
        } else {
            responseHeaders.set(name, String.valueOf(value));
        }
    }

    private void write(Object what) {
        begun = true;
        if (what instanceof Buffer buffer) {
            written.appendBuffer(buffer);
        } else if (what instanceof String text) {
            written.appendString(text);
        }
    }

    private Object ofConnection(Method called, Object[] arguments) {
        if (called.getName().equals("close")) {
            cut = true;
        }
        return null;
    }

    HttpServerRequest request() {
        return request;
    }

    HttpServerResponse response() {
        return response;
    }

    /** Returns whether a step has written the response itself, as for a blob that is streamed. */
    boolean isWritten() {
        return begun;
    }

    /** Returns whether a step has ended the connection in the middle of a response. */
    boolean isCut() {
        return cut;
    }

    /** Returns the status that a step has written. */
    int status() {
        return status;
    }

    /** Returns the first value of a header that a step has written; null for none. */
    String header(String name) {
        return responseHeaders.get(name);
    }

    byte[] body() {
        return written.getBytes();
    }
}
