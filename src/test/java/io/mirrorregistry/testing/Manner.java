package io.mirrorregistry.testing;

import java.io.BufferedOutputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;

/** How the bytes of an {@link Answer} go out on a connection. */
@FunctionalInterface
public interface Manner {

    /** As a good server does it. */
    Manner WHOLE = (answer, call, connection) -> {
        OutputStream out = new BufferedOutputStream(connection.out(), 65_536);
        out.write(answer.head());
        if (!call.isHead()) {
            answer.body().writeTo(out);
        }
        out.flush();
        boolean delimited = call.isHead() || Long.toString(answer.body().length()).equals(answer.header("Content-Length"));
        if (!delimited) {
            connection.end();
        }
    };

    /** In chunks, of which the last is followed by the end. */
    Manner CHUNKED = (answer, call, connection) -> {
        OutputStream out = new BufferedOutputStream(connection.out(), 65_536);
        out.write(chunkedHead(answer));
        if (!call.isHead()) {
            answer.body().writeTo(new Chunks(out));
            out.write("0\r\n\r\n".getBytes(StandardCharsets.US_ASCII));
        }
        out.flush();
    };

    /** In chunks, under a head with a Content-Length that says something else; to a HEAD with the true one. */
    Manner CHUNKED_WITH_LENGTH = (answer, call, connection) -> {
        OutputStream out = new BufferedOutputStream(connection.out(), 65_536);
        out.write((call.isHead() ? answer : answer.with("Content-Length", "7").with("Transfer-Encoding", "chunked")).head());
        if (!call.isHead()) {
            answer.body().writeTo(new Chunks(out));
            out.write("0\r\n\r\n".getBytes(StandardCharsets.US_ASCII));
        }
        out.flush();
    };

    /** In chunks without end, until one side closes. */
    Manner ENDLESS = (answer, call, connection) -> {
        connection.out().write(chunkedHead(answer));
        Body spaces = Body.of(" ".repeat(65_536));
        while (!call.isHead()) {
            spaces.writeTo(new Chunks(connection.out()));
        }
    };

    /** A head without end, line by line, until one side closes. */
    Manner ENDLESS_HEAD = (answer, call, connection) -> {
        byte[] head = answer.head();
        connection.out().write(head, 0, head.length - 2);
        for (int i = 0; ; i++) {
            connection.out().write(("X-" + i + ": " + "x".repeat(1000) + "\r\n").getBytes(StandardCharsets.US_ASCII));
        }
    };

    /** A head with a line without end, until one side closes. */
    Manner ENDLESS_LINE = (answer, call, connection) -> {
        byte[] head = answer.head();
        connection.out().write(head, 0, head.length - 2);
        connection.out().write("X: ".getBytes(StandardCharsets.US_ASCII));
        while (true) {
            connection.out().write("x".repeat(1000).getBytes(StandardCharsets.US_ASCII));
        }
    };

    /** Interim answers without end, until one side closes. */
    Manner INTERIM = (answer, call, connection) -> {
        while (true) {
            connection.out().write("HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n".getBytes(StandardCharsets.US_ASCII));
            Thread.sleep(5);
        }
    };

    /** Not at all: the connection ends. */
    Manner CLOSE = (answer, call, connection) -> connection.end();

    /** Not at all: the connection is reset. */
    Manner RESET = (answer, call, connection) -> connection.reset();

    /** Not at all, and the connection stays open until the client ends it. */
    Manner SILENCE = (answer, call, connection) -> connection.awaitClient();

    /** Sends the answer, or does not. */
    void send(Answer answer, Call call, Connection connection) throws IOException, InterruptedException;

    /** Waits for something before it sends in the given manner. */
    static Manner after(Callable<?> wait, Manner then) {
        return (answer, call, connection) -> {
            try {
                wait.call();
            } catch (IOException | InterruptedException e) {
                throw e;
            } catch (Exception e) {
                throw new IllegalStateException(e);
            }
            then.send(answer, call, connection);
        };
    }

    /** Sends one byte of the body at a time with a pause before each; the head comes whole or drips as well. */
    static Manner drip(Duration pause, boolean headToo) {
        return (answer, call, connection) -> {
            OutputStream drops = new Drops(connection.out(), pause);
            (headToo ? drops : connection.out()).write(answer.head());
            if (!call.isHead()) {
                answer.body().writeTo(drops);
            }
        };
    }

    /** Sends the head and so many bytes of the body, and then one at a time with a pause before each. */
    static Manner stall(long bytes, Duration pause) {
        return (answer, call, connection) -> {
            connection.out().write(answer.head());
            if (!call.isHead()) {
                long first = Math.min(bytes, answer.body().length());
                answer.body().part(0, first).writeTo(connection.out());
                answer.body().part(first, answer.body().length()).writeTo(new Drops(connection.out(), pause));
            }
        };
    }

    /** Sends the head, so many bytes of the body, and ends the connection. */
    static Manner cut(long bytes) {
        return (answer, call, connection) -> {
            connection.out().write(answer.head());
            if (!call.isHead()) {
                answer.body().part(0, Math.min(bytes, answer.body().length())).writeTo(connection.out());
            }
            connection.end();
        };
    }

    /** Sends the head, so many bytes of the body, and resets the connection as soon as the client has had time to read them. */
    static Manner resetAfter(long bytes) {
        return (answer, call, connection) -> {
            connection.out().write(answer.head());
            if (!call.isHead()) {
                answer.body().part(0, Math.min(bytes, answer.body().length())).writeTo(connection.out());
            }
            Thread.sleep(50);
            connection.reset();
        };
    }

    /** Sends the head and so many bytes of the body, and the rest once the latch opens. */
    static Manner heldAfter(long bytes, CountDownLatch latch) {
        return (answer, call, connection) -> {
            connection.out().write(answer.head());
            if (!call.isHead()) {
                long first = Math.min(bytes, answer.body().length());
                answer.body().part(0, first).writeTo(connection.out());
                latch.await();
                answer.body().part(first, answer.body().length()).writeTo(connection.out());
            }
        };
    }

    /** Sends so many bytes of the body in chunks and ends the connection without the last chunk. */
    static Manner cutChunks(long bytes) {
        return (answer, call, connection) -> {
            OutputStream out = new BufferedOutputStream(connection.out(), 65_536);
            out.write(chunkedHead(answer));
            if (!call.isHead()) {
                answer.body().part(0, Math.min(bytes, answer.body().length())).writeTo(new Chunks(out));
            }
            out.flush();
            connection.end();
        };
    }

    /** Sends the head and so many bytes of the body, and the rest after a pause. */
    static Manner pauseAfter(int bytes, Duration pause) {
        return (answer, call, connection) -> {
            ByteArrayOutputStream body = new ByteArrayOutputStream();
            if (!call.isHead()) {
                answer.body().writeTo(body);
            }
            int first = Math.min(bytes, body.size());
            connection.out().write(answer.head());
            connection.out().write(body.toByteArray(), 0, first);
            Thread.sleep(pause.toMillis());
            connection.out().write(body.toByteArray(), first, body.size() - first);
        };
    }

    /** Sends these characters, one byte each, whatever was asked, and ends the connection. */
    static Manner raw(String characters) {
        return (answer, call, connection) -> {
            connection.out().write(characters.getBytes(StandardCharsets.ISO_8859_1));
            connection.end();
        };
    }

    /** Sends the answer and, in one go with it, these characters, one byte each, as if it were longer than it says. */
    static Manner withLeftover(String characters) {
        return (answer, call, connection) -> {
            ByteArrayOutputStream all = new ByteArrayOutputStream();
            all.write(answer.head());
            if (!call.isHead()) {
                answer.body().writeTo(all);
            }
            all.write(characters.getBytes(StandardCharsets.ISO_8859_1));
            connection.out().write(all.toByteArray());
        };
    }

    private static byte[] chunkedHead(Answer answer) {
        return answer.without("Content-Length").with("Transfer-Encoding", "chunked").head();
    }

    /** Writes every piece as a chunk. */
    final class Chunks extends OutputStream {

        private final OutputStream out;

        private Chunks(OutputStream out) {
            this.out = out;
        }

        @Override
        public void write(byte[] bytes, int offset, int length) throws IOException {
            if (length > 0) {
                out.write((Integer.toHexString(length) + "\r\n").getBytes(StandardCharsets.US_ASCII));
                out.write(bytes, offset, length);
                out.write("\r\n".getBytes(StandardCharsets.US_ASCII));
            }
        }

        @Override
        public void write(int b) throws IOException {
            write(new byte[] {(byte) b}, 0, 1);
        }
    }

    /** Writes byte by byte, with a pause before each. */
    final class Drops extends OutputStream {

        private final OutputStream out;
        private final Duration pause;

        private Drops(OutputStream out, Duration pause) {
            this.out = out;
            this.pause = pause;
        }

        @Override
        public void write(int b) throws IOException {
            try {
                Thread.sleep(pause.toMillis());
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw new IOException("the server stops", e);
            }
            out.write(b);
        }
    }
}
