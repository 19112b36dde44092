package io.mirrorregistry.testing;

import java.io.IOException;
import java.net.Socket;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.BooleanSupplier;

/**
 * An HTTP/1.1 server on a free port of 127.0.0.1 that records what it is asked and misbehaves on demand.
 *
 * <p>It works on plain sockets, one thread a connection, because HTTP libraries refuse to send most of what a
 * {@link Fault} must send.
 */
public abstract class TestServer implements AutoCloseable {

    private static final Duration PATIENCE = Duration.ofSeconds(10);

    private final boolean tls;
    private final int port;
    private final List<Call> calls = new CopyOnWriteArrayList<>();
    private final List<Fault> faults = new CopyOnWriteArrayList<>();
    private final Set<Connection> connections = ConcurrentHashMap.newKeySet();
    private final AtomicInteger accepted = new AtomicInteger();
    private final AtomicLong bytesSent = new AtomicLong();
    private volatile String hostName = "127.0.0.1";
    private Listener listener;

    TestServer(boolean tls) {
        this.tls = tls;
        this.listener = Listener.open(0, name("accept"), this::accept);
        this.port = listener.port();
    }

    /** Answers as a well-behaved server. */
    abstract Answer answer(Call call);

    /** Returns {@code http://host:port} (or https), without a slash at the end. */
    public String url() {
        return (tls ? "https://" : "http://") + host();
    }

    /** Returns {@code host:port}. */
    public String host() {
        return hostName + ":" + port;
    }

    public int port() {
        return port;
    }

    /** Lets {@link #url()} name this machine differently, such as {@code localhost}: to clients that is another host. */
    public void calledAs(String name) {
        hostName = name;
    }

    /** Adds faults; several on one call take effect in the order they were added. */
    public void fault(Fault... more) {
        faults.addAll(List.of(more));
    }

    /** Ends all faults that were added, for the calls that come from now on. */
    public void heal() {
        faults.clear();
    }

    /** Returns what was asked since the start or the last {@link #forget()}, in order, refused calls included. */
    public List<Call> calls() {
        return List.copyOf(calls);
    }

    /** Returns the calls with this method and exactly this path (without query). */
    public List<Call> calls(String method, String path) {
        return calls.stream().filter(call -> call.method().equals(method) && call.path().equals(path)).toList();
    }

    /** Returns the calls with this method that asked for this kind of thing. */
    public List<Call> calls(String method, Kind kind) {
        return calls.stream().filter(call -> call.method().equals(method) && call.kind() == kind).toList();
    }

    /** Forgets the calls, accepted connections and bytes so far. */
    public void forget() {
        calls.clear();
        accepted.set(0);
        bytesSent.set(0);
    }

    /** Waits until so many calls have arrived. */
    public void awaitCalls(int count) {
        await(() -> calls.size() >= count, count + " calls");
    }

    /** Waits until clients have left all but so many connections. */
    public void awaitConnections(int count) {
        await(() -> connections.size() <= count, "at most " + count + " connections");
    }

    private void await(BooleanSupplier reached, String what) {
        long end = System.nanoTime() + PATIENCE.toNanos();
        while (!reached.getAsBoolean()) {
            if (System.nanoTime() > end) {
                throw new AssertionError("waited " + PATIENCE + " for " + what + "; there are " + calls.size() + " calls and "
                        + connections.size() + " connections");
            }
            pause();
        }
    }

    private static void pause() {
        try {
            Thread.sleep(2);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new AssertionError("interrupted while waiting", e);
        }
    }

    /** Returns what was asked last on each connection that is open now. */
    public List<Call> lastCalls() {
        return connections.stream().map(Connection::last).filter(Objects::nonNull).toList();
    }

    /** Returns how many connections are open now. */
    public int connections() {
        return connections.size();
    }

    /** Returns how many connections were accepted since the start or the last {@link #forget()}. */
    public int accepted() {
        return accepted.get();
    }

    /** Returns how many bytes went out, those included that still wait in the system's buffers. */
    public long bytesSent() {
        return bytesSent.get();
    }

    /** Ends every connection at once and listens no more: connecting is refused until {@link #restart()}. */
    public synchronized void stop() {
        listener.close();
        dropConnections();
    }

    /** Ends every connection at once, idle ones that clients keep in a pool included, and goes on listening. */
    public void dropConnections() {
        connections.forEach(Connection::abandon);
    }

    /** Listens again on the same port, content and settings unchanged. */
    public synchronized void restart() {
        stop();
        listener = Listener.open(port, name("accept"), this::accept);
    }

    @Override
    public void close() {
        stop();
    }

    private void accept(Socket socket) {
        Connection connection = new Connection(socket, this);
        accepted.incrementAndGet();
        connections.add(connection);
        Thread thread = new Thread(() -> serve(connection), name("connection"));
        thread.setDaemon(true);
        connection.runsOn(thread);
        thread.start();
    }

    private String name(String thread) {
        return getClass().getSimpleName() + "-" + thread;
    }

    private void serve(Connection connection) {
        try {
            connection.serve(tls);
        } catch (IOException | InterruptedException e) {
            // the client left or the server stops: the connection is over
        } finally {
            connections.remove(connection);
        }
    }

    /** Records the call and answers it, faults included. */
    Answer take(Call call) {
        calls.add(call);
        Answer answer;
        try {
            answer = answer(call);
        } catch (RuntimeException e) {
            answer = Answer.of(500, "text/plain", "the test server cannot answer " + call.target() + ": " + e);
        }
        for (Fault fault : faults) {
            answer = fault.apply(call, answer);
        }
        return answer;
    }

    /** Returns the fault that befalls a connection before its first request, or null. */
    Fault takeConnection() {
        return faults.stream().filter(Fault::takesConnection).findFirst().orElse(null);
    }

    void countSent(int bytes) {
        bytesSent.addAndGet(bytes);
    }
}
