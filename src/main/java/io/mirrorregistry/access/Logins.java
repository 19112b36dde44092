package io.mirrorregistry.access;

import at.favre.lib.crypto.bcrypt.BCrypt;
import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import io.mirrorregistry.work.FatalErrors;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BiPredicate;
import java.util.function.LongSupplier;

/**
 * Checks passwords against bcrypt hashes, at most so many at a time. bcrypt takes 55 ms of a processor at cost 10, so it runs on threads of its own, and
 * results are remembered for 5 minutes. Safe for all threads, event loops included: no method waits.
 *
 * <p>A check passes these states in order: remembered, delayed by failures, impossible password, joined to the same check, queued, running. The same
 * questions are asked again when a queued check starts, because other checks may have ended meanwhile: a hundred guesses that arrive at once are delayed
 * like guesses that arrive one after another.
 */
final class Logins implements AutoCloseable {

    /** bcrypt ignores all bytes beyond these. */
    static final int MOST_PASSWORD_BYTES = 72;
    private static final int THREADS = 2;
    private static final int MOST_QUEUED = 200;
    private static final int MOST_REMEMBERED = 10_000;
    private static final Duration REMEMBERED = Duration.ofMinutes(5);
    private static final Duration BUSY_WAIT = Duration.ofSeconds(5);
    private static final int DEFAULT_COST = 10;

    private final BiPredicate<byte[], String> bcrypt;
    private final ThreadPoolExecutor threads;
    private final int mostOfAddress;
    /** Its key changes with each start, so that what is remembered reveals no password. */
    private final KeyedDigest digest = new KeyedDigest();
    private final FailedLogins failures;
    /** Logins that succeeded. Separate from {@link #unknown}, so that strangers evict no user. */
    private final Cache<ByteBuffer, Result> right;
    private final Cache<ByteBuffer, Result> unknown;
    /** Checks that are queued or running, by the digest of user, hash and password. */
    private final Map<ByteBuffer, Flight> flights = new ConcurrentHashMap<>();
    /** The number of queued checks by address; none is 0. */
    private final Map<String, Integer> queued = new ConcurrentHashMap<>();
    private volatile String unknownHash = hashOfCost(DEFAULT_COST);

    /**
     * The answer to a check.
     *
     * @param retryAfter when to try again; null unless the result is {@link Result#WAIT} or {@link Result#BUSY}
     */
    public record Login(Result result, Duration retryAfter) {

        private static Login of(Result result) {
            return new Login(result, null);
        }
    }

    /** What a check finds. */
    public enum Result {
        /** The password is the user's. */
        RIGHT,
        /** The password is not the user's. */
        WRONG,
        /** There is no such user. */
        UNKNOWN,
        /** Too many logins failed; the password was not checked. */
        WAIT,
        /** Too many checks are queued; the password was not checked. */
        BUSY
    }

    /** A check that is queued or running, which the same checks join. */
    private record Flight(String address, CompletableFuture<Login> login) {
    }

    /** One question. */
    private record Question(String user, byte[] password, String hash, String address, ByteBuffer key, ByteBuffer failing) {

        /** Returns whether no hash can fit. NUL ends a password in C, so that two passwords would be the same. */
        private boolean isImpossible() {
            if (password.length == 0 || password.length > MOST_PASSWORD_BYTES) {
                return true;
            }
            for (byte character : password) {
                if (character == 0) {
                    return true;
                }
            }
            return false;
        }
    }

    public Logins() {
        this(System::nanoTime, THREADS, MOST_QUEUED, (password, hash) -> BCrypt.verifyer().verify(password, hash.getBytes(StandardCharsets.US_ASCII)).verified);
    }

    /**
     * @param nanos the clock, {@link System#nanoTime}
     * @param threads how many checks run at a time
     * @param mostQueued how many checks wait for a thread; at most half of them come from one address
     * @param bcrypt returns whether a password fits a hash; runs on the threads
     */
    Logins(LongSupplier nanos, int threads, int mostQueued, BiPredicate<byte[], String> bcrypt) {
        this.bcrypt = bcrypt;
        this.mostOfAddress = mostQueued / 2;
        this.failures = new FailedLogins(nanos);
        this.right = memory(nanos);
        this.unknown = memory(nanos);
        AtomicInteger number = new AtomicInteger();
        this.threads = new ThreadPoolExecutor(threads, threads, 0, TimeUnit.SECONDS, new LinkedBlockingQueue<>(mostQueued), task -> {
            Thread thread = new Thread(task, "login-" + number.incrementAndGet());
            thread.setDaemon(true);
            return thread;
        });
    }

    private static Cache<ByteBuffer, Result> memory(LongSupplier nanos) {
        return Caffeine.newBuilder().maximumSize(MOST_REMEMBERED).ticker(nanos::getAsLong).expireAfterWrite(REMEMBERED).executor(Runnable::run).build();
    }

    /**
     * Sets the cost of checks of unknown users: the highest cost of the known users' hashes, so that the time of a check does not reveal who is known.
     *
     * @param cost from 4 to 15; 10 until it is set
     */
    public void cost(int cost) {
        if (cost < Htpasswd.LEAST_COST || cost > Htpasswd.MOST_COST) {
            throw new IllegalArgumentException("No cost from " + Htpasswd.LEAST_COST + " to " + Htpasswd.MOST_COST + ": " + cost);
        }
        unknownHash = hashOfCost(cost);
    }

    /** Returns a hash that no password fits, for a user that is not known and has to look like one that is. */
    String hashOfNobody() {
        return unknownHash;
    }

    private static String hashOfCost(int cost) {
        return String.format("$2y$%02d$%s", cost, ".".repeat(Htpasswd.HASH_CHARACTERS));
    }

    /**
     * Checks a password. The future is complete already if bcrypt is not needed; else one of the threads for bcrypt completes it. It completes
     * exceptionally only after a fault of the program.
     *
     * @param hash the user's bcrypt hash, null for a user that is not known; takes the same time
     * @param address the client's address
     */
    public CompletableFuture<Login> check(String user, String password, String hash, String address) {
        Question question = new Question(user, password.getBytes(StandardCharsets.UTF_8), hash, address, digest.of(user, hash, password),
                digest.of(address, user));
        Login known = known(question);
        if (known != null) {
            return CompletableFuture.completedFuture(known);
        }
        if (question.isImpossible()) {
            return CompletableFuture.completedFuture(keep(question, false));
        }
        Flight own = new Flight(address, new CompletableFuture<>());
        Flight running = flights.putIfAbsent(question.key, own);
        if (running != null) {
            // WAIT and BUSY hold for the address of the running check only.
            return running.login.thenCompose(login -> login.retryAfter != null && !running.address.equals(address)
                    ? check(user, password, hash, address) : CompletableFuture.completedFuture(login));
        }
        if (!queue(question, own)) {
            end(question, own, new Login(Result.BUSY, BUSY_WAIT));
        }
        return own.login.copy();
    }

    /** Returns the answer that needs no check; null if the password has to be checked. */
    private Login known(Question question) {
        Result remembered = (question.hash == null ? unknown : right).getIfPresent(question.key);
        if (remembered != null) {
            return Login.of(remembered);
        }
        Duration rest = failures.rest(question.failing);
        return rest == null ? null : new Login(Result.WAIT, rest);
    }

    private boolean queue(Question question, Flight flight) {
        if (queued.merge(question.address, 1, Integer::sum) <= mostOfAddress) {
            try {
                threads.execute(() -> {
                    leaveQueue(question.address);
                    run(question, flight);
                });
                return true;
            } catch (RejectedExecutionException e) {
                // The queue is full, or this object is closed.
            }
        }
        leaveQueue(question.address);
        return false;
    }

    private void leaveQueue(String address) {
        queued.computeIfPresent(address, (same, count) -> count == 1 ? null : count - 1);
    }

    private void run(Question question, Flight flight) {
        try {
            Login known = known(question);
            end(question, flight, known != null ? known
                    : keep(question, bcrypt.test(question.password, question.hash == null ? unknownHash : question.hash)));
        } catch (Throwable e) {
            FatalErrors.check(e);
            flights.remove(question.key, flight);
            flight.login.completeExceptionally(e);
        }
    }

    /** Remembers the result of a check. */
    private Login keep(Question question, boolean fits) {
        if (question.hash != null && fits) {
            right.put(question.key, Result.RIGHT);
            failures.forget(question.failing);
            return Login.of(Result.RIGHT);
        }
        failures.add(question.failing);
        if (question.hash == null) {
            unknown.put(question.key, Result.UNKNOWN);
            return Login.of(Result.UNKNOWN);
        }
        return Login.of(Result.WRONG);
    }

    /** Ends a flight after its result is remembered, so that the same check finds one or the other. */
    private void end(Question question, Flight flight, Login login) {
        flights.remove(question.key, flight);
        flight.login.complete(login);
    }

    /** Ends the threads. Queued checks, and later ones that need bcrypt, are answered with {@link Result#BUSY}. */
    @Override
    public void close() {
        threads.shutdownNow();
        flights.values().forEach(flight -> flight.login.complete(new Login(Result.BUSY, BUSY_WAIT)));
    }
}
