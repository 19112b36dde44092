package io.mirrorregistry.testing;

import io.mirrorregistry.config.StoreSettings;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;

/**
 * A PostgreSQL server of this machine's binaries on a free port of 127.0.0.1, in a folder of its own. It is started once for all tests of this process,
 * and stopped at its end. It does not care for the power to fail.
 */
public final class PostgresServer {

    /** The name of the superuser. */
    public static final String USER = "mirror";
    /** The superuser's password. */
    public static final String PASSWORD = "pw-of-mirror";

    private static final String SYSTEM_USER = "postgres";
    private static PostgresServer shared;

    private final Path bin;
    private final Path folder;
    private final int port;
    private final AtomicInteger databases = new AtomicInteger();

    /** Returns the server. Skips the test where PostgreSQL is not installed; in CI the test fails then. */
    public static synchronized PostgresServer shared() {
        if (shared == null) {
            Path bin = bin();
            boolean missing = bin == null;
            if (missing && "true".equals(System.getenv("CI"))) {
                throw new AssertionError("CI is to test with PostgreSQL, which is not installed: neither in /usr/lib/postgresql nor in the PATH is an initdb");
            }
            Assumptions.assumeFalse(missing, "PostgreSQL is not installed: neither in /usr/lib/postgresql nor in the PATH is an initdb");
            shared = new PostgresServer(bin);
        }
        return shared;
    }

    /** Returns the folder with the binaries, of the newest version in Debian's folder; null for none. */
    private static Path bin() {
        List<Path> folders = new ArrayList<>();
        Path debian = Path.of("/usr/lib/postgresql");
        if (Files.isDirectory(debian)) {
            try (Stream<Path> versions = Files.list(debian)) {
                versions.sorted(Comparator.comparing(version -> -Integer.parseInt("0" + version.getFileName().toString().replaceAll("\\D.*", ""))))
                        .map(version -> version.resolve("bin")).forEach(folders::add);
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }
        Arrays.stream(Objects.requireNonNullElse(System.getenv("PATH"), "").split(":")).filter(place -> !place.isEmpty()).map(Path::of).forEach(folders::add);
        return folders.stream().filter(place -> Files.isExecutable(place.resolve("initdb")) && Files.isExecutable(place.resolve("pg_ctl"))).findFirst().orElse(null);
    }

    private PostgresServer(Path bin) {
        this.bin = bin;
        try {
            folder = Files.createTempDirectory("postgres");
            Path password = folder.resolve("password");
            Files.writeString(password, PASSWORD + "\n");
            if (isRoot()) {
                for (Path path : List.of(folder, password)) {
                    Files.setOwner(path, path.getFileSystem().getUserPrincipalLookupService().lookupPrincipalByName(SYSTEM_USER));
                }
            }
            try (ServerSocket free = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
                port = free.getLocalPort();
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        Runtime.getRuntime().addShutdownHook(new Thread(this::remove));
        run("initdb", "-D", data(), "-U", USER, "-A", "scram-sha-256", "--pwfile", folder.resolve("password").toString(), "-E", "UTF8", "--locale=C", "--no-sync");
        start();
    }

    private static boolean isRoot() {
        return "root".equals(System.getProperty("user.name"));
    }

    private String data() {
        return folder.resolve("data").toString();
    }

    /** Starts it after {@link #stop}. Returns when it takes connections. */
    public void start() {
        run("pg_ctl", "-D", data(), "-w", "-t", "60", "-l", folder.resolve("log").toString(), "-o", "-p " + port + " -c listen_addresses=127.0.0.1 -c unix_socket_directories= "
                + "-c fsync=off -c max_connections=60 -c shared_buffers=32MB", "start");
    }

    /** Stops it as a crash would. */
    public void stop() {
        run("pg_ctl", "-D", data(), "-w", "-m", "immediate", "stop");
    }

    private void remove() {
        try {
            stop();
        } catch (AssertionError e) {
            // It was stopped already.
        }
        try (Stream<Path> paths = Files.walk(folder)) {
            for (Path path : paths.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(path);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** PostgreSQL refuses to run as root. */
    private void run(String program, String... arguments) {
        List<String> command = new ArrayList<>(isRoot() ? List.of("runuser", "-u", SYSTEM_USER, "--") : List.of());
        command.add(bin.resolve(program).toString());
        Collections.addAll(command, arguments);
        Path output = folder.resolve("output");
        try {
            Process process = new ProcessBuilder(command).directory(folder.toFile()).redirectErrorStream(true).redirectOutput(output.toFile()).start();
            if (!process.waitFor(90, TimeUnit.SECONDS) || process.exitValue() != 0) {
                throw new AssertionError(program + " failed: " + Files.readString(output));
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new AssertionError("interrupted while waiting for " + program, e);
        }
    }

    /** Makes an empty database and returns the settings of the superuser for it. */
    public StoreSettings newDatabase() {
        String name = "store" + databases.incrementAndGet();
        execute("postgres", "CREATE DATABASE " + name);
        return settings(name, USER, PASSWORD);
    }

    /** Returns settings for a database, which need not exist. */
    public StoreSettings settings(String database, String user, String password) {
        return new StoreSettings(url(database), null, user, password);
    }

    /** Returns the port of 127.0.0.1. */
    public int port() {
        return port;
    }

    private String url(String database) {
        return "jdbc:postgresql://127.0.0.1:" + port + "/" + database;
    }

    /** Runs a statement as the superuser. */
    public void execute(String database, String sql) {
        try (Connection connection = DriverManager.getConnection(url(database), USER, PASSWORD); Statement statement = connection.createStatement()) {
            statement.execute(sql);
        } catch (SQLException e) {
            throw new AssertionError(sql, e);
        }
    }
}
