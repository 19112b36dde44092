package io.mirrorregistry.testing;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.function.Consumer;

/** A listening port of 127.0.0.1, and the thread that accepts its connections. */
public final class Listener implements AutoCloseable {

    private static final int MOST_WAITING = 1024;

    private final ServerSocket socket;
    private final Thread thread;

    private Listener(ServerSocket socket, String name, Consumer<Socket> server) {
        this.socket = socket;
        thread = new Thread(() -> accept(server), name);
        thread.setDaemon(true);
        thread.start();
    }

    /**
     * Listens on a port.
     *
     * @param port 0 for one that is free
     * @param name of the thread
     * @param server takes each connection, on that thread
     */
    public static Listener open(int port, String name, Consumer<Socket> server) {
        try {
            ServerSocket socket = new ServerSocket();
            socket.setReuseAddress(true);
            socket.bind(new InetSocketAddress(InetAddress.getByAddress(new byte[] {127, 0, 0, 1}), port), MOST_WAITING);
            return new Listener(socket, name, server);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    public int port() {
        return socket.getLocalPort();
    }

    private void accept(Consumer<Socket> server) {
        while (!socket.isClosed()) {
            try {
                server.accept(socket.accept());
            } catch (IOException e) {
                // the listener is closed, or a client left before it was accepted
            }
        }
    }

    /** Listens no more: when this returns, connecting is refused and the server is given no connection. */
    @Override
    public void close() {
        try {
            socket.close();
            // Until the thread has left accept(), Linux takes connections for a socket that is closed.
            thread.join();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new AssertionError("interrupted while closing a listener", e);
        }
    }
}
