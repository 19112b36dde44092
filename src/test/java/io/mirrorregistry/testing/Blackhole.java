package io.mirrorregistry.testing;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.util.ArrayList;
import java.util.List;

/** A port where connecting gets no answer at all, as behind a firewall that drops: for connect timeouts. */
public final class Blackhole implements AutoCloseable {

    private static final int GIVE_UP_MILLIS = 300;
    private static final int MOST_WAITING = 200;

    private final ServerSocket listener;
    private final List<Socket> waiting = new ArrayList<>();

    private Blackhole() throws IOException {
        listener = new ServerSocket(0, 1, InetAddress.getByAddress(new byte[] {127, 0, 0, 1}));
    }

    /** Fills the queue of a port that accepts nobody, until the system drops what comes. */
    public static Blackhole open() throws IOException {
        Blackhole hole = new Blackhole();
        try {
            while (hole.waiting.size() < MOST_WAITING) {
                Socket socket = new Socket();
                hole.waiting.add(socket);
                socket.connect(hole.listener.getLocalSocketAddress(), GIVE_UP_MILLIS);
            }
        } catch (SocketTimeoutException e) {
            return hole;
        }
        hole.close();
        throw new IOException("this system queues connections without end");
    }

    public String url() {
        return "http://127.0.0.1:" + listener.getLocalPort();
    }

    @Override
    public void close() throws IOException {
        for (Socket socket : waiting) {
            socket.close();
        }
        listener.close();
    }
}
