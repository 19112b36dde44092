package io.mirrorregistry.testing;

import java.io.BufferedInputStream;
import java.io.FilterOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.Socket;

/** One connection of a client to a {@link TestServer}; a {@link Manner} writes to it. */
public final class Connection {

    private final Socket socket;
    private final TestServer server;
    private InputStream in;
    private OutputStream out;
    private volatile Thread thread;
    private volatile boolean ended;
    private volatile Call last;

    Connection(Socket socket, TestServer server) {
        this.socket = socket;
        this.server = server;
    }

    void runsOn(Thread itsThread) {
        thread = itsThread;
    }

    /** Answers one request after the other until one side ends it. */
    void serve(boolean tls) throws IOException, InterruptedException {
        try (Socket plain = socket) {
            plain.setTcpNoDelay(true);
            Fault fault = server.takeConnection();
            if (fault != null) {
                in = plain.getInputStream();
                fault.onAccept().send(null, null, this);
                return;
            }
            Socket spoken = tls ? TestTls.serverSide(plain) : plain;
            in = new BufferedInputStream(spoken.getInputStream());
            out = new Counting(spoken.getOutputStream());
            while (!ended) {
                Call call = Call.read(in);
                if (call == null) {
                    return;
                }
                last = call;
                ended = "close".equalsIgnoreCase(call.header("Connection"));
                server.take(call).send(call, this);
            }
        }
    }

    /** Returns what was asked last on this connection; null before the first. */
    Call last() {
        return last;
    }

    OutputStream out() {
        return out;
    }

    /** Ends the connection as soon as the answer is through. */
    void end() {
        ended = true;
    }

    /** Ends the connection with a TCP reset. */
    void reset() throws IOException {
        ended = true;
        socket.setSoLinger(true, 0);
        socket.close();
    }

    /** Sends nothing until the client ends the connection. */
    void awaitClient() throws IOException {
        ended = true;
        in.transferTo(OutputStream.nullOutputStream());
    }

    /** Ends the connection at once, whatever it does. */
    void abandon() {
        try {
            socket.close();
        } catch (IOException e) {
            // closed already
        }
        if (thread != null) {
            thread.interrupt();
        }
    }

    /** Tells the server how much goes out. */
    private final class Counting extends FilterOutputStream {

        private Counting(OutputStream out) {
            super(out);
        }

        @Override
        public void write(byte[] bytes, int offset, int length) throws IOException {
            server.countSent(length);
            out.write(bytes, offset, length);
        }

        @Override
        public void write(int b) throws IOException {
            server.countSent(1);
            out.write(b);
        }
    }
}
