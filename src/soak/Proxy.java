package soak;

import static soak.Output.say;

import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.ThreadLocalRandom;

/** Passes bytes between a port of its own and a registry, and misbehaves on demand. */
final class Proxy {

    private static final ExecutorService THREADS = Executors.newCachedThreadPool(task -> {
        Thread thread = new Thread(task, "proxy");
        thread.setDaemon(true);
        return thread;
    });

    private final String name;
    final InetSocketAddress address;
    private final InetSocketAddress backend;
    final Set<Pair> connections = ConcurrentHashMap.newKeySet();
    private volatile ServerSocket listener;
    private volatile Mode mode = new Mode(null);

    /** The fault there is, none at times; a new one each time, so that a connection can tell them apart. */
    private static final class Mode {
        private final Fault fault;

        Mode(Fault fault) {
            this.fault = fault;
        }
    }

    Proxy(String name, int port, int backend) {
        this.name = name;
        this.address = new InetSocketAddress(InetAddress.getLoopbackAddress(), port);
        this.backend = new InetSocketAddress(InetAddress.getLoopbackAddress(), backend);
    }

    void fault(Fault fault) {
        mode = new Mode(fault);
    }

    void listen() throws IOException {
        ServerSocket socket = new ServerSocket();
        socket.setReuseAddress(true);
        socket.bind(address, 500);
        listener = socket;
        THREADS.execute(() -> accept(socket));
    }

    /** New connections are refused; those that exist are gone. */
    void refuse() throws IOException {
        listener.close();
        connections.forEach(pair -> pair.close(true));
    }

    private void accept(ServerSocket socket) {
        while (!socket.isClosed()) {
            try {
                Pair pair = new Pair(socket.accept());
                connections.add(pair);
                if (socket.isClosed()) {
                    pair.close(true);
                }
                THREADS.execute(pair::open);
            } catch (IOException e) {
                if (!socket.isClosed()) {
                    say("proxy of " + name + ": " + e);
                }
            }
        }
    }

    /** A connection to the proxy, and its own to the registry. */
    private final class Pair {
        private final Socket near;
        private volatile Socket far;
        /** Whether the next bytes from the registry are the first of an answer. */
        private volatile boolean asked;
        private Mode counted;
        private long left;

        Pair(Socket near) {
            this.near = near;
        }

        void open() {
            try {
                near.setTcpNoDelay(true);
                far = new Socket();
                far.connect(backend, 5_000);
                far.setTcpNoDelay(true);
                THREADS.execute(() -> pump(this::passAnswers));
                pump(this::passRequests);
            } catch (IOException e) {
                close(true);
            }
        }

        private interface Direction {
            void run() throws IOException, InterruptedException;
        }

        private void pump(Direction direction) {
            try {
                direction.run();
            } catch (IOException | InterruptedException e) {
                // The other direction learns of it by the sockets being closed.
            } finally {
                close(false);
            }
        }

        private void passRequests() throws IOException, InterruptedException {
            byte[] buffer = new byte[16 * 1024];
            for (int count; (count = near.getInputStream().read(buffer)) >= 0; ) {
                Mode now = mode;
                if (now.fault == Fault.SILENT) {
                    while (mode == now) {
                        Thread.sleep(20);
                    }
                    close(true);
                    return;
                }
                if (now.fault == Fault.ERRORS || now.fault == Fault.THROTTLED) {
                    refuse(now.fault);
                    return;
                }
                asked = true;
                far.getOutputStream().write(buffer, 0, count);
            }
        }

        /** Answers in the registry's place; a request comes in one piece, as a client sends it. */
        private void refuse(Fault fault) throws IOException {
            int status = fault == Fault.THROTTLED ? 429 : new int[] {500, 502, 503, 504}[ThreadLocalRandom.current().nextInt(4)];
            String retry = status == 429 || status == 503 && ThreadLocalRandom.current().nextBoolean() ? "Retry-After: 2\r\n" : "";
            near.getOutputStream().write(("HTTP/1.1 " + status + " In Trouble\r\n" + retry
                    + "Content-Length: 0\r\nConnection: close\r\n\r\n").getBytes(StandardCharsets.US_ASCII));
        }

        private void passAnswers() throws IOException, InterruptedException {
            byte[] buffer = new byte[64 * 1024];
            OutputStream out = near.getOutputStream();
            for (int count; (count = far.getInputStream().read(buffer)) >= 0; ) {
                Mode now = mode;
                boolean first = asked;
                asked = false;
                if (now.fault == Fault.SLOW && first) {
                    Thread.sleep(ThreadLocalRandom.current().nextInt(50, 800));
                } else if (now.fault == Fault.DRIPPING) {
                    drip(out, buffer, count, now);
                    continue;
                } else if (now.fault == Fault.CUT || now.fault == Fault.RESET) {
                    if (counted != now) {
                        counted = now;
                        left = (long) Math.exp(ThreadLocalRandom.current().nextDouble() * Math.log(1_000_000));
                    }
                    if (count > left) {
                        out.write(buffer, 0, (int) left);
                        close(now.fault == Fault.RESET);
                        return;
                    }
                    left -= count;
                }
                out.write(buffer, 0, count);
            }
        }

        private void drip(OutputStream out, byte[] bytes, int count, Mode now) throws IOException, InterruptedException {
            int drop = ThreadLocalRandom.current().nextInt(1, 60);
            int sent = 0;
            while (sent < count) {
                int size = mode == now ? Math.min(drop, count - sent) : count - sent;
                out.write(bytes, sent, size);
                sent += size;
                if (mode == now) {
                    Thread.sleep(40);
                }
            }
        }

        private void close(boolean reset) {
            for (Socket socket : far == null ? List.of(near) : List.of(near, far)) {
                try {
                    if (reset) {
                        socket.setSoLinger(true, 0);
                    }
                    socket.close();
                } catch (IOException e) {
                    // It was closed already.
                }
            }
            connections.remove(this);
        }
    }
}
