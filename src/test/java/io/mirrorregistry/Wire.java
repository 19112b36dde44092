package io.mirrorregistry;

import java.io.BufferedInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;

/** A connection on which a test writes bytes as they are and reads what comes back, answer by answer. */
final class Wire implements AutoCloseable {

    private static final int PATIENCE_MILLIS = 10_000;

    private final Socket socket;
    private final InputStream in;

    Wire(int port) throws IOException {
        this(new Socket("127.0.0.1", port));
    }

    /** @param connected for example with TLS */
    Wire(Socket connected) throws IOException {
        socket = connected;
        socket.setSoTimeout(PATIENCE_MILLIS);
        socket.setTcpNoDelay(true);
        in = new BufferedInputStream(socket.getInputStream());
    }

    /** An answer; status 0 where the connection ended without one. */
    record Answer(int status, String version, Map<String, String> headers, String body) {

        static final Answer NONE = new Answer(0, "", Map.of(), "");

        String header(String name) {
            return headers.get(name);
        }
    }

    /** Writes characters as bytes, as many as the other side takes. */
    Wire send(String characters) {
        try {
            socket.getOutputStream().write(characters.getBytes(StandardCharsets.ISO_8859_1));
        } catch (IOException e) {
            // refused and closed before all was written; there may be an answer all the same
        }
        return this;
    }

    /** Writes one character after the other, with a pause before each, until the other side closes or all is written. */
    void drip(String characters, Duration pause) throws InterruptedException {
        for (char c : characters.toCharArray()) {
            TimeUnit.MILLISECONDS.sleep(pause.toMillis());
            try {
                socket.getOutputStream().write(c);
            } catch (IOException e) {
                return;
            }
        }
    }

    /** Says that nothing more comes. */
    Wire finish() {
        try {
            socket.shutdownOutput();
        } catch (IOException e) {
            // closed already
        }
        return this;
    }

    /** Reads the next answer to a GET. */
    Answer answer() throws IOException {
        return answer(false);
    }

    /** Reads the next answer; to a HEAD there is no body. */
    Answer answer(boolean head) throws IOException {
        String line = line();
        if (line == null) {
            return Answer.NONE;
        }
        String[] words = line.split(" ", 3);
        if (words.length < 2 || !words[0].startsWith("HTTP/")) {
            throw new AssertionError("no answer of HTTP: " + line);
        }
        Map<String, String> headers = new TreeMap<>(String.CASE_INSENSITIVE_ORDER);
        for (String header = line(); header != null && !header.isEmpty(); header = line()) {
            int colon = header.indexOf(':');
            headers.merge(header.substring(0, colon), header.substring(colon + 1).strip(), (one, other) -> one + ", " + other);
        }
        int status = Integer.parseInt(words[1]);
        return new Answer(status, words[0], headers, head || status < 200 ? "" : body(headers));
    }

    private String body(Map<String, String> headers) throws IOException {
        if (headers.containsKey("Content-Length")) {
            return text(in.readNBytes(Integer.parseInt(headers.get("Content-Length"))));
        }
        if (!"chunked".equals(headers.getOrDefault("Transfer-Encoding", "").toLowerCase(Locale.ROOT))) {
            return "";
        }
        ByteArrayOutputStream body = new ByteArrayOutputStream();
        for (int size = Integer.parseInt(line(), 16); size > 0; size = Integer.parseInt(line(), 16)) {
            body.write(in.readNBytes(size));
            line();
        }
        line();
        return text(body.toByteArray());
    }

    /**
     * Reads the head of the next answer and then its body with pauses.
     *
     * @param step how many bytes are read before each pause
     * @return how many bytes of the body came before the connection ended
     */
    int slowly(int bodyBytes, int step, Duration pause) throws IOException, InterruptedException {
        String line = line();
        while (line != null && !line.isEmpty()) {
            line = line();
        }
        int count = 0;
        while (count < bodyBytes) {
            int read;
            try {
                read = in.readNBytes(Math.min(step, bodyBytes - count)).length;
            } catch (java.net.SocketTimeoutException e) {
                throw e;
            } catch (IOException e) {
                return count;
            }
            if (read == 0) {
                return count;
            }
            count += read;
            TimeUnit.MILLISECONDS.sleep(pause.toMillis());
        }
        return count;
    }

    /** Returns whether the other side ends the connection, or resets it, without a further byte. */
    boolean ends() throws IOException {
        try {
            return in.read() < 0;
        } catch (java.net.SocketTimeoutException e) {
            return false;
        } catch (IOException e) {
            return true;
        }
    }

    /** Returns a line without its end; null at the end of the connection. */
    private String line() throws IOException {
        ByteArrayOutputStream line = new ByteArrayOutputStream();
        int b;
        try {
            b = in.read();
        } catch (java.net.SocketTimeoutException e) {
            throw e;
        } catch (IOException e) {
            return null;
        }
        if (b < 0) {
            return null;
        }
        for (; b >= 0 && b != '\n'; b = in.read()) {
            line.write(b);
        }
        return text(line.toByteArray()).stripTrailing();
    }

    private static String text(byte[] bytes) {
        return new String(bytes, StandardCharsets.UTF_8);
    }

    @Override
    public void close() throws IOException {
        socket.close();
    }
}
