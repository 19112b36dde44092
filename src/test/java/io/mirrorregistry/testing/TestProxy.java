package io.mirrorregistry.testing;

import io.mirrorregistry.protocol.UrlHost;
import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.Socket;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;

/** An HTTP proxy on a free port of 127.0.0.1: tunnels for CONNECT, and forwards absolute addresses, a connection for each. */
public final class TestProxy implements AutoCloseable {

    private final Listener listener;
    private final boolean tls;
    private final List<Call> calls = new CopyOnWriteArrayList<>();
    private final List<Socket> sockets = new CopyOnWriteArrayList<>();
    private volatile String authorization;
    private final Map<String, Integer> ports = new ConcurrentHashMap<>();
    private volatile int only;
    private volatile int refused;

    private TestProxy(boolean tls) {
        this.tls = tls;
        listener = Listener.open(0, "test-proxy", this::accept);
    }

    public static TestProxy start() {
        return new TestProxy(false);
    }

    /** Starts one that speaks TLS, with the certificate of {@link TestTls}. */
    public static TestProxy startTls() {
        return new TestProxy(true);
    }

    /** Serves this account only; everybody else gets 407. */
    public TestProxy requireAccount(String user, String password) {
        authorization = Access.credentials(user, password);
        return this;
    }

    /** Answers everything with this status by itself; 0 for no more. */
    public TestProxy refuse(int status) {
        refused = status;
        return this;
    }

    /** Goes to this port of 127.0.0.1, whatever host it is asked for. */
    public TestProxy alwaysTo(int port) {
        only = port;
        return this;
    }

    /** Goes to this port of 127.0.0.1 where it is asked for this host. */
    public TestProxy sends(String host, int port) {
        ports.put(host, port);
        return this;
    }

    /** Returns {@code host:port}. */
    public String host() {
        return "127.0.0.1:" + listener.port();
    }

    /** Returns what it was asked so far, refused calls included; the path of a tunnel is {@code host:port}. */
    public List<Call> calls() {
        return List.copyOf(calls);
    }

    /** Returns how many calls there were with this method. */
    public long count(String method) {
        return calls.stream().filter(call -> call.method().equals(method)).count();
    }

    private void accept(Socket client) {
        sockets.add(client);
        start(() -> serve(client));
    }

    private void serve(Socket accepted) {
        try (Socket plain = accepted; Socket client = tls ? TestTls.serverSide(plain) : plain) {
            InputStream in = new BufferedInputStream(client.getInputStream());
            OutputStream out = client.getOutputStream();
            for (Call call = Call.read(in); call != null; call = Call.read(in)) {
                calls.add(call);
                if (authorization != null && !authorization.equals(call.header("Proxy-Authorization"))) {
                    write(out, "HTTP/1.1 407 Who are you\r\nProxy-Authenticate: Basic realm=\"proxy\"\r\nContent-Length: 0\r\n\r\n");
                } else if (refused > 0) {
                    write(out, "HTTP/1.1 " + refused + " No\r\nContent-Length: 5\r\n\r\nno no");
                } else if (call.method().equals("CONNECT")) {
                    tunnel(call, in, out);
                    return;
                } else {
                    forward(call, out);
                    return;
                }
            }
        } catch (IOException e) {
            // one of both has left
        }
    }

    private void tunnel(Call call, InputStream in, OutputStream out) throws IOException {
        try (Socket target = connect(URI.create("tunnel://" + call.path()))) {
            write(out, "HTTP/1.1 200 Connected\r\n\r\n");
            start(() -> pump(in, target));
            target.getInputStream().transferTo(out);
        }
    }

    private static void pump(InputStream in, Socket target) {
        try {
            in.transferTo(target.getOutputStream());
            target.shutdownOutput();
        } catch (IOException e) {
            // one of both has left
        }
    }

    private void forward(Call call, OutputStream out) throws IOException {
        URI uri = URI.create(call.target());
        try (Socket target = connect(uri)) {
            StringBuilder head = new StringBuilder(call.method()).append(' ').append(uri.getRawPath())
                    .append(uri.getRawQuery() == null ? "" : "?" + uri.getRawQuery()).append(" HTTP/1.1\r\nConnection: close\r\n");
            call.headers().stream().filter(header -> !header.getKey().matches("(?i)(proxy-.*|connection)"))
                    .forEach(header -> head.append(header.getKey()).append(": ").append(header.getValue()).append("\r\n"));
            write(target.getOutputStream(), head + "\r\n");
            InputStream answer = target.getInputStream();
            for (int c = answer.read(); c >= 0 && c != '\n'; c = answer.read()) {
                out.write(c);
            }
            write(out, "\nConnection: close\r\n");
            answer.transferTo(out);
        }
    }

    private Socket connect(URI target) throws IOException {
        String host = UrlHost.of(target);
        Integer port = host == null ? null : ports.get(host);
        int to = port == null ? only : port;
        Socket socket = new Socket(to > 0 ? "127.0.0.1" : target.getHost(), to > 0 ? to : target.getPort());
        sockets.add(socket);
        return socket;
    }

    private static void write(OutputStream out, String text) throws IOException {
        out.write(text.getBytes(StandardCharsets.ISO_8859_1));
        out.flush();
    }

    private static void start(Runnable work) {
        Thread thread = new Thread(work, "test-proxy");
        thread.setDaemon(true);
        thread.start();
    }

    @Override
    public void close() {
        listener.close();
        try {
            for (Socket socket : sockets) {
                socket.close();
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
