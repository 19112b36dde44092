package soak;

import java.io.BufferedInputStream;
import java.io.ByteArrayOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.TreeMap;

/** A connection of HTTP/1.1, on which every byte is seen as it comes. */
final class Connection implements AutoCloseable {

    /** Whatever happens to the registries, no client waits longer for the next byte. */
    static final int LONGEST_SILENCE = 30_000;
    private final Socket socket = new Socket();
    private final InputStream in;
    boolean reusable = true;

    Connection(InetSocketAddress address) throws IOException {
        socket.connect(address, 5_000);
        socket.setSoTimeout(LONGEST_SILENCE);
        socket.setTcpNoDelay(true);
        in = new BufferedInputStream(socket.getInputStream(), 64 * 1024);
    }

    void ask(String method, String target, Map<String, String> headers) throws IOException {
        ask(method, target, headers, null);
    }

    /** @param body null for none */
    void ask(String method, String target, Map<String, String> headers, ByteBuffer body) throws IOException {
        StringBuilder head = new StringBuilder(method + " " + target + " HTTP/1.1\r\nHost: soak\r\n");
        headers.forEach((name, value) -> head.append(name).append(": ").append(value).append("\r\n"));
        if (body != null) {
            head.append("Content-Length: ").append(body.capacity()).append("\r\n");
        }
        socket.getOutputStream().write(head.append("\r\n").toString().getBytes(StandardCharsets.ISO_8859_1));
        if (body != null && body.capacity() > 0) {
            socket.getOutputStream().write(body.array());
        }
    }

    Head readHead() throws IOException {
        String[] status = line().split(" ", 3);
        if (status.length < 2 || !status[0].equals("HTTP/1.1")) {
            throw new IOException("not an answer: " + String.join(" ", status));
        }
        Map<String, String> headers = new TreeMap<>(String.CASE_INSENSITIVE_ORDER);
        for (String line; !(line = line()).isEmpty(); ) {
            int colon = line.indexOf(':');
            if (headers.put(line.substring(0, colon), line.substring(colon + 1).strip()) != null) {
                throw new IOException("twice in the answer: " + line);
            }
        }
        reusable &= !"close".equalsIgnoreCase(headers.get("Connection"));
        return new Head(Integer.parseInt(status[1]), headers);
    }

    /** Reads a body to its end; {@code sink} may throw to leave. */
    void readBody(Head head, Sink sink) throws IOException {
        if ("chunked".equalsIgnoreCase(head.headers().get("Transfer-Encoding"))) {
            for (long size; (size = Long.parseLong(line().split(";")[0].strip(), 16)) > 0; ) {
                copy(size, sink);
                line();
            }
            line();
        } else if (head.headers().containsKey("Content-Length")) {
            copy(Long.parseLong(head.headers().get("Content-Length")), sink);
        } else {
            throw new IOException("an answer of unknown length");
        }
    }

    private void copy(long count, Sink sink) throws IOException {
        byte[] buffer = new byte[64 * 1024];
        for (long left = count; left > 0; ) {
            int read = in.read(buffer, 0, (int) Math.min(left, buffer.length));
            if (read < 0) {
                throw new EOFException(left + " of " + count + " bytes before the end");
            }
            sink.take(buffer, read);
            left -= read;
        }
    }

    private String line() throws IOException {
        ByteArrayOutputStream line = new ByteArrayOutputStream(80);
        for (int b; (b = in.read()) != '\n'; ) {
            if (b < 0) {
                throw new EOFException(line.size() == 0 ? "closed" : "closed after \"" + line + '"');
            }
            line.write(b);
        }
        return line.toString(StandardCharsets.ISO_8859_1).stripTrailing();
    }

    void reset() throws IOException {
        socket.setSoLinger(true, 0);
        close();
    }

    @Override
    public void close() throws IOException {
        reusable = false;
        socket.close();
    }
}
