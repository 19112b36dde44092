package io.mirrorregistry.registry.http;

import io.mirrorregistry.testing.Listener;
import io.mirrorregistry.testing.TestTls;
import java.io.BufferedInputStream;
import java.io.ByteArrayOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.CopyOnWriteArrayList;
import javax.net.ssl.SSLSocket;

/** A registry on plain sockets of which a test says, request by request, what it reads and what it sends. */
final class RawRegistry implements AutoCloseable {

    /** Serves one request after the other. */
    interface Script {

        void serve(Request request) throws Exception;
    }

    private final Listener listener;
    private final boolean tls;
    private final Script script;
    private final List<Request> requests = new CopyOnWriteArrayList<>();
    private final List<Socket> sockets = new CopyOnWriteArrayList<>();
    private volatile Throwable failure;

    private RawRegistry(boolean tls, Script script) {
        this.tls = tls;
        this.script = script;
        listener = Listener.open(0, "raw-registry", this::accept);
    }

    static RawRegistry start(Script script) {
        return new RawRegistry(false, script);
    }

    /** @param tls whether it speaks TLS, with the certificate of {@link TestTls} */
    static RawRegistry start(boolean tls, Script script) {
        return new RawRegistry(tls, script);
    }

    String url() {
        return (tls ? "https" : "http") + "://127.0.0.1:" + listener.port();
    }

    int port() {
        return listener.port();
    }

    /** Returns the requests whose head has arrived, in order. */
    List<Request> requests() {
        return requests;
    }

    /** Returns how many connections there were. */
    int connections() {
        return sockets.size();
    }

    /** Throws what went wrong in the script. */
    void verify() {
        if (failure != null) {
            throw new AssertionError("the script failed", failure);
        }
    }

    private void accept(Socket socket) {
        sockets.add(socket);
        Thread thread = new Thread(() -> serve(socket), "raw-registry");
        thread.setDaemon(true);
        thread.start();
    }

    private void serve(Socket plain) {
        try (Socket socket = plain; Socket spoken = tls ? secured(plain) : plain) {
            InputStream in = new BufferedInputStream(spoken.getInputStream());
            int connection = sockets.indexOf(plain);
            for (Request request = Request.read(in, spoken, connection); request != null; request = Request.read(in, spoken, connection)) {
                requests.add(request);
                script.serve(request);
                if (request.over) {
                    return;
                }
            }
        } catch (IOException e) {
            // The client has left, or the script has closed the connection.
        } catch (Throwable e) {
            failure = e;
        }
    }

    private static Socket secured(Socket plain) throws IOException {
        SSLSocket socket = (SSLSocket) TestTls.context().getSocketFactory().createSocket(plain, null, plain.getPort(), true);
        socket.setUseClientMode(false);
        return socket;
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

    /** A request whose head has arrived. */
    static final class Request {

        private final String method;
        private final String target;
        private final Map<String, String> headers;
        private final InputStream in;
        private final Socket socket;
        private final int connection;
        private boolean over;
        private volatile byte[] body;

        private Request(String method, String target, Map<String, String> headers, InputStream in, Socket socket, int connection) {
            this.method = method;
            this.target = target;
            this.headers = headers;
            this.in = in;
            this.socket = socket;
            this.connection = connection;
        }

        private static Request read(InputStream in, Socket socket, int connection) throws IOException {
            String line = line(in);
            if (line == null) {
                return null;
            }
            String[] words = line.split(" ");
            Map<String, String> headers = new TreeMap<>(String.CASE_INSENSITIVE_ORDER);
            for (String header = line(in); header != null && !header.isEmpty(); header = line(in)) {
                headers.merge(header.substring(0, header.indexOf(':')), header.substring(header.indexOf(':') + 1).strip(), (one, other) -> one + "," + other);
            }
            return new Request(words[0], words[1], headers, in, socket, connection);
        }

        private static String line(InputStream in) throws IOException {
            StringBuilder line = new StringBuilder();
            for (int c = in.read(); c != '\n'; c = in.read()) {
                if (c < 0) {
                    return null;
                }
                if (c != '\r') {
                    line.append((char) c);
                }
            }
            return line.toString();
        }

        String method() {
            return method;
        }

        /** Returns path and query. */
        String target() {
            return target;
        }

        String path() {
            return target.split("\\?")[0];
        }

        /** Returns the number of the connection, from 0. */
        int connection() {
            return connection;
        }

        String header(String name) {
            return headers.get(name);
        }

        /** Returns the body that {@link #readBody} has read; null before. */
        byte[] body() {
            return body;
        }

        @Override
        public String toString() {
            return method + " " + target;
        }

        /** Reads the whole body, whichever way its length is told. */
        byte[] readBody() throws IOException {
            if (!"chunked".equals(header("Transfer-Encoding"))) {
                int length = header("Content-Length") == null ? 0 : Integer.parseInt(header("Content-Length"));
                byte[] bytes = in.readNBytes(length);
                if (bytes.length < length) {
                    throw new EOFException("a body of " + bytes.length + " bytes");
                }
                body = bytes;
                return bytes;
            }
            ByteArrayOutputStream bytes = new ByteArrayOutputStream();
            for (int length = size(); length > 0; length = size()) {
                byte[] chunk = in.readNBytes(length);
                if (chunk.length < length) {
                    throw new EOFException("a chunk of " + chunk.length + " bytes");
                }
                bytes.write(chunk);
                line(in);
            }
            line(in);
            body = bytes.toByteArray();
            return body;
        }

        private int size() throws IOException {
            String size = line(in);
            if (size == null) {
                throw new EOFException("no chunk");
            }
            return Integer.parseInt(size, 16);
        }

        /** Reads so many bytes of whatever comes. */
        void readBytes(int count) throws IOException {
            if (in.readNBytes(count).length < count) {
                throw new EOFException();
            }
        }

        /** Sends a response with a body of known length; each header is a line without its end. */
        Request respond(int status, String body, String... lines) throws IOException {
            StringBuilder head = new StringBuilder("HTTP/1.1 " + status + " Status\r\n");
            for (String line : lines) {
                head.append(line).append("\r\n");
            }
            boolean none = method.equals("HEAD") || status == 204;
            if (!none) {
                head.append("Content-Length: ").append(body.length()).append("\r\n");
            }
            return raw(head + "\r\n" + (none ? "" : body));
        }

        /** Sends characters as they are. */
        Request raw(String characters) throws IOException {
            OutputStream out = socket.getOutputStream();
            out.write(characters.getBytes(StandardCharsets.ISO_8859_1));
            out.flush();
            return this;
        }

        /** Ends the connection after this request. */
        void end() {
            over = true;
        }

        /** Ends the connection after this request with a TCP reset, as a server does that leaves bytes unread. */
        void reset() throws IOException {
            over = true;
            socket.setSoLinger(true, 0);
            socket.close();
        }

        /** Reads to the end of the connection. */
        void awaitEnd() throws IOException {
            over = true;
            in.transferTo(OutputStream.nullOutputStream());
        }
    }
}
