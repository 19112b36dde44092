package io.mirrorregistry;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assertions.fail;

import io.mirrorregistry.protocol.Digest;
import io.mirrorregistry.protocol.SizeLimits;
import io.mirrorregistry.registry.Registry;
import io.mirrorregistry.testing.Answer;
import io.mirrorregistry.testing.Body;
import io.mirrorregistry.testing.Call;
import io.mirrorregistry.testing.Fault;
import io.mirrorregistry.testing.Image;
import io.mirrorregistry.testing.Kind;
import io.mirrorregistry.testing.TestClient;
import io.mirrorregistry.testing.TestProxy;
import io.mirrorregistry.testing.TestRegistry;
import io.mirrorregistry.testing.TestServer;
import io.mirrorregistry.testing.TestStorage;
import io.mirrorregistry.testing.TokenService;
import io.vertx.core.json.JsonObject;
import java.io.BufferedReader;
import java.io.BufferedWriter;
import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.http.HttpClient;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.BooleanSupplier;
import java.util.function.IntFunction;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The program as a process of its own, in an empty folder: start, logs, stop. */
class ProcessTest {

    @TempDir
    private Path directory;
    private final TestRegistry hot = TestRegistry.start("hot");
    private final TestClient client = new TestClient();
    private final int port = TestMirror.freePort();
    private Process process;
    private ProcessBuilder.Redirect output;
    private ProcessBuilder.Redirect error;

    @BeforeEach
    void writeToFiles() {
        output = ProcessBuilder.Redirect.to(directory.resolve("out").toFile());
        error = ProcessBuilder.Redirect.to(directory.resolve("err").toFile());
    }

    @AfterEach
    void stop() {
        if (process != null) {
            process.destroyForcibly();
        }
        hot.close();
    }

    private void launch(String... settings) throws IOException {
        launch(List.of(), settings);
    }

    private void launch(List<String> arguments, String... settings) throws IOException {
        ProcessBuilder builder = new ProcessBuilder(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        if (Runtime.version().feature() >= 24) {
            // As the jar's manifest says; without it, Java has four lines to say of Netty's native library.
            builder.command().add("--enable-native-access=ALL-UNNAMED");
        }
        if (!List.of(settings).contains("JAVA_TOOL_OPTIONS")) {
            // With the quick compiler only, a process that ends so soon takes half as long.
            builder.command().add("-XX:TieredStopAtLevel=1");
        }
        builder.command().addAll(List.of("-cp", absoluteClassPath(), "io.mirrorregistry.MirrorRegistry"));
        builder.command().addAll(arguments);
        builder.environment().keySet().removeIf(name -> name.startsWith("MIRROR_"));
        builder.environment().putAll(Map.of("MIRROR_SERVER_PORT", String.valueOf(port), "MIRROR_REGISTRY_HOT_URL", hot.url(),
                "MIRROR_MANAGEMENT_PORT", String.valueOf(TestMirror.freePort())));
        for (int i = 0; i < settings.length; i += 2) {
            builder.environment().put(settings[i], settings[i + 1]);
        }
        process = builder.directory(directory.toFile()).redirectOutput(output).redirectError(error).start();
    }

    private static String absoluteClassPath() {
        List<String> entries = new ArrayList<>();
        for (String entry : System.getProperty("java.class.path").split(File.pathSeparator)) {
            if (!entry.contains("test-classes")) {
                entries.add(Path.of(entry).toAbsolutePath().toString());
            }
        }
        return String.join(File.pathSeparator, entries);
    }

    private String url() {
        return "http://127.0.0.1:" + port;
    }

    private void awaitHealthy() throws InterruptedException {
        for (int i = 0; i < 600; i++) {
            try {
                if (client.get(url() + "/health").statusCode() == 200) {
                    return;
                }
            } catch (UncheckedIOException e) {
                assertTrue(process.isAlive(), () -> "the mirror ended: " + read("err") + read("out"));
            }
            Thread.sleep(50);
        }
        throw new AssertionError("not up in 30 s: " + read("out"));
    }

    private static void await(BooleanSupplier condition) throws InterruptedException {
        for (int i = 0; i < 1000 && !condition.getAsBoolean(); i++) {
            Thread.sleep(20);
        }
        assertTrue(condition.getAsBoolean());
    }

    private String read(String file) {
        try {
            return Files.readString(directory.resolve(file));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private int exitCode() throws InterruptedException {
        assertTrue(process.waitFor(40, TimeUnit.SECONDS), "still running");
        return process.exitValue();
    }

    @Test
    void runsInAnEmptyFolderWithWhatTheJarCarries() throws Exception {
        hot.image("library/app", "1.0");
        launch();
        awaitHealthy();
        assertEquals(200, client.get(url() + "/v2/library/app/manifests/1.0").statusCode());
        process.destroy();
        assertTrue(List.of(0, 143).contains(exitCode()), "exit code " + process.exitValue());
    }

    @Test
    void writesOneJsonObjectALineAndNothingAClientSendsBreaksIt() throws Exception {
        hot.image("library/app", "1.0");
        launch();
        awaitHealthy();
        client.send("GET", url() + "/v2/library/app/manifests/1.0?x=y", "User-Agent", "evil\"} \\u001b[31m é");
        client.get(url() + "/v2/library/%0d%0a%22%7d/manifests/1.0");
        process.destroy();
        exitCode();
        JsonObject access = null;
        for (String line : read("out").lines().toList()) {
            JsonObject object = new JsonObject(line);
            Instant.parse(object.getString("timestamp"));
            if ("library/app".equals(object.getString("repository"))) {
                access = object;
            }
        }
        assertEquals("GET", access.getString("method"));
        assertEquals("/v2/library/app/manifests/1.0", access.getString("path"));
        assertEquals("1.0", access.getString("reference"));
        assertEquals(200, access.getInteger("status"));
        assertEquals("hot", access.getString("registry"));
        assertEquals("127.0.0.1", access.getString("remote"));
        assertTrue(access.getString("user_agent").startsWith("evil\"}"), access.toString());
        assertTrue(access.getInteger("bytes") > 0 && access.getInteger("milliseconds") >= 0, access.toString());
    }

    @Test
    void writesConsoleLinesWithoutControlCharacters() throws Exception {
        launch("MIRROR_LOGGING_FORMAT", "console");
        awaitHealthy();
        client.send("GET", url() + "/v2/", "User-Agent", "tab\there");
        process.destroy();
        exitCode();
        assertTrue(read("out").contains("tab?here"), read("out"));
    }

    private List<String> awaitLine(String text) throws InterruptedException {
        for (int i = 0; i < 600 && !read("out").contains(text); i++) {
            Thread.sleep(50);
        }
        assertTrue(read("out").contains(text), () -> read("out") + read("err"));
        return read("out").lines().toList();
    }

    @ParameterizedTest
    @ValueSource(strings = {"json", "console"})
    void aStartIsThreeLinesAndTheLastSaysWhereItServes(String format) throws Exception {
        int management = TestMirror.freePort();
        launch("MIRROR_LOGGING_FORMAT", format, "MIRROR_MANAGEMENT_PORT", String.valueOf(management), "MIRROR_REGISTRY_ZULU_URL", "https://zulu.example.com/v",
                "MIRROR_REGISTRY_ZULU_USERNAME", "reader", "MIRROR_REGISTRY_ZULU_PASSWORD", "hunter2", "MIRROR_HEALTH_INTERVAL", "1h");
        List<String> lines = awaitLine("ready: ");
        String ready = "ready: pulls on http://localhost:" + port + ", status page http://localhost:" + management + "/, hot " + hot.url()
                + ", cold folder images/, zulu https://zulu.example.com/v as reader";
        assertTrue(lines.get(lines.size() - 1).contains(ready), lines.toString());
        assertTrue(lines.get(0).contains("Mirror Registry ") && lines.get(0).contains(" is starting on Java "), lines.get(0));
        // Between them, one line of each registry that has something to say: zulu and the folder are not there.
        assertTrue(lines.subList(1, lines.size() - 1).stream().allMatch(line -> line.contains("Registry zulu is down") || line.contains("older of images")),
                lines.toString());
        assertTrue(lines.size() <= 5, lines.toString());
        process.destroy();
        exitCode();
        assertEquals(lines.size() + 1, read("out").lines().filter(line -> !line.contains("is down")).count()
                + lines.stream().filter(line -> line.contains("is down")).count(), read("out"));
    }

    @Test
    void saysThatTheDefaultIsAPublicRegistry() throws Exception {
        launch("MIRROR_REGISTRY_HOT_URL", "https://registry.cn-hangzhou.aliyuncs.com", "MIRROR_REGISTRY_HOT_PROXY", "http://127.0.0.1:1");
        awaitLine(", hot https://registry.cn-hangzhou.aliyuncs.com (the default, a public registry) by way of http://127.0.0.1:1, cold folder images/");
    }

    @Test
    void atDebugEachCallIsTwoLinesAndNoLibraryLogs() throws Exception {
        Image image = hot.image("library/app", "1.0");
        launch("MIRROR_LOGGING_LEVEL", "debug", "MIRROR_HEALTH_INTERVAL", "1h", "MIRROR_LOOKAHEAD_CALLS", "0");
        int before = awaitLine("ready: ").size();
        assertEquals(200, client.send("GET", url() + image.path(), "X-Request-ID", "pull").statusCode());
        List<String> lines = awaitLine("\"access\"");
        assertTrue(before <= 8, lines.toString());
        List<JsonObject> pull = lines.subList(before, lines.size()).stream().map(JsonObject::new).toList();
        assertEquals(3, pull.size(), lines.toString());
        for (JsonObject call : pull.subList(0, 2)) {
            assertEquals(List.of("DEBUG", "hot", "GET", image.path(), "pull"), Stream.of("level", "registry", "method", "path", "request_id").map(call::getString).toList());
        }
        assertEquals(200, pull.get(1).getInteger("status"));
        assertTrue(pull.get(1).getInteger("milliseconds") >= 0);
    }

    /** What the message says is no field once more. */
    @Test
    void aConsoleLineSaysEverythingOnce() throws Exception {
        Image image = hot.image("library/app", "1.0");
        launch("MIRROR_LOGGING_FORMAT", "console");
        awaitLine("ready: ");
        client.send("GET", url() + image.path(), "X-Request-ID", "pull", "User-Agent", "the client");
        List<String> lines = awaitLine(" access ");
        String access = lines.get(lines.size() - 1);
        assertTrue(access.matches(".* INFO  access GET " + image.path() + " 200 hot \\d+ ms bytes=\\d+ cut=false remote=127.0.0.1 user_agent=\"the client\""
                + " request_id=pull"), access);
    }

    @Test
    void keepsSecretsOutOfTheLogAtAnyLevel() throws Exception {
        hot.requireBasic("reader", "hunter2");
        hot.image("library/app", "1.0");
        launch("MIRROR_LOGGING_LEVEL", "trace", "MIRROR_REGISTRY_HOT_USERNAME", "reader", "MIRROR_REGISTRY_HOT_PASSWORD", "hunter2",
                "MIRROR_REGISTRY_HOT_HEADERS_X_KEY", "swordfish");
        awaitHealthy();
        assertEquals(200, client.send("GET", url() + "/v2/library/app/manifests/1.0", "Authorization", "Basic Y2xpZW50").statusCode());
        process.destroy();
        exitCode();
        String log = read("out") + read("err");
        for (String secret : List.of("hunter2", "cmVhZGVyOmh1bnRlcjI", "swordfish", "Y2xpZW50")) {
            assertFalse(log.contains(secret), () -> log.lines().filter(line -> line.contains(secret)).findFirst().orElse(""));
        }
    }

    /** All of ours, of the registries' and of the client's secrets at once, through what goes well and what does not. */
    @Test
    void tellsNoSecretAnywhereWhateverHappens() throws Exception {
        List<String> ours = List.of("hunter2", basic("reader:hunter2"), "correct-horse", basic("writer:correct-horse"), "swordfish", "pr0xy",
                basic("me:pr0xy"), "test-token", "ignature=");
        List<String> clients = List.of("Y2xpZW50", "session-of-client", "query-of-client", "registry-auth-of-client", "bearer-of-client");
        StringBuilder told = new StringBuilder();
        List<Call> heard = new ArrayList<>();
        try (TestRegistry cold = TestRegistry.start("cold").requireBasic("writer", "another"); TokenService tokens = TokenService.start();
                TestStorage storage = TestStorage.start(); TestProxy proxy = TestProxy.start().requireAccount("me", "pr0xy")) {
            tokens.requireAccount("reader", "hunter2");
            hot.requireBearer(tokens).redirectBlobsTo(storage);
            Image image = hot.image("library/app", "1.0");
            int managementPort = TestMirror.freePort();
            launch("MIRROR_LOGGING_LEVEL", "trace", "MIRROR_REGISTRY_HOT_USERNAME", "reader", "MIRROR_REGISTRY_HOT_PASSWORD", "hunter2",
                    "MIRROR_REGISTRY_HOT_HEADERS_X_KEY", "swordfish", "MIRROR_REGISTRY_HOT_PROXY", "http://me:pr0xy@" + proxy.host(),
                    "MIRROR_REGISTRY_COLD_URL", cold.url(), "MIRROR_REGISTRY_COLD_USERNAME", "writer", "MIRROR_REGISTRY_COLD_PASSWORD",
                    "correct-horse", "MIRROR_REGISTRY_HOT_RESPONSE_TIMEOUT", "500ms", "MIRROR_MANAGEMENT_PORT", String.valueOf(managementPort),
                    "MIRROR_CACHE_SIZE", "0", "MIRROR_CACHE_BLOB_TTL", "0", "MIRROR_CACHE_MISS_TTL", "0");
            awaitHealthy();
            List<String> paths = List.of("/v2/", image.path(), image.pathByDigest(), image.path(image.layers().get(0)), "/v2/library/app/tags/list",
                    "/v2/library/app/referrers/" + image.digest(), "/v2/library/none/manifests/1", "/v2/Not/manifests/1", "/other");
            String elsewhere = "http://reader:hunter2@127.0.0.1:1/x?Signature=test-token";
            List<Runnable> happenings = List.of(() -> { }, () -> tokens.fault(Fault.status(401)), () -> tokens.fault(Fault.body("{\"token\":\"test-token\\n\"}")),
                    tokens::revokeAll, () -> storage.fault(Fault.status(403)), () -> hot.fault(Fault.redirect(307, elsewhere)),
                    () -> hot.fault(Fault.redirect(307, "http://reader:hunter2@/?Signature=test-token")), () -> hot.fault(Fault.status(500)),
                    () -> hot.fault(Fault.silence()), () -> hot.fault(Fault.raw("HTTP/1.1 test-token hunter2\r\n\r\n")),
                    () -> hot.fault(Fault.header("Content-Type", "hunter2 \u000b test-token")), proxy::close);
            for (Runnable happens : happenings) {
                List.of(hot, tokens, storage).forEach(TestServer::heal);
                happens.run();
                for (String path : paths) {
                    for (String method : List.of("GET", "HEAD", "POST")) {
                        HttpResponse<byte[]> answer = client.send(method, url() + path + "?token=query-of-client", "Authorization", "Basic Y2xpZW50",
                                "Cookie", "id=session-of-client", "X-Registry-Auth", "registry-auth-of-client", "Proxy-Authorization",
                                "Bearer bearer-of-client", "Accept", "*/*");
                        // Where a client is sent, it may take what the registry signed, and elsewhere.
                        answer.headers().map().forEach((name, values) -> told.append(name.equals("location") ? "" : name + values + "\n"));
                        told.append(new String(answer.body(), StandardCharsets.ISO_8859_1)).append('\n');
                    }
                }
            }
            for (String path : List.of("/", "/status.json", "/explain?image=library/app:1.0", "/explain?image=library/app:1.0&format=text", "/observe/health?data=true",
                    "/observe/health/ready?data=true", "/observe/metrics")) {
                told.append(new String(client.get("http://127.0.0.1:" + managementPort + path).body(), StandardCharsets.UTF_8));
            }
            List.of(hot, cold, tokens, storage).forEach(server -> heard.addAll(server.calls()));
            heard.addAll(proxy.calls());
            assertTrue(storage.calls().stream().allMatch(call -> call.header("Authorization") == null && call.header("X-Key") == null));
            assertTrue(cold.calls().stream().noneMatch(call -> call.headers().toString().contains("swordfish")));
            assertTrue(Stream.of(hot, cold, tokens, storage).flatMap(server -> server.calls().stream())
                    .allMatch(call -> call.header("Proxy-Authorization") == null));
        }
        process.destroy();
        exitCode();
        String log = read("out") + read("err");
        assertTrue(log.contains("\"TRACE\""), "nothing is logged at trace");
        for (String secret : ours) {
            assertFalse(told.toString().contains(secret), () -> secret + " in " + told.toString().lines().filter(line -> line.contains(secret)).findFirst().orElse(""));
        }
        Stream.concat(ours.stream(), clients.stream()).forEach(secret -> assertFalse(log.contains(secret),
                () -> secret + " in " + log.lines().filter(line -> line.contains(secret)).findFirst().orElse("")));
        for (String secret : clients) {
            assertTrue(heard.stream().noneMatch(call -> call.toString().contains(secret)), secret);
            assertFalse(told.toString().contains(secret), secret);
        }
    }

    private static String basic(String account) {
        // Without the last characters, which depend on what follows.
        return Base64.getEncoder().encodeToString(account.getBytes(StandardCharsets.UTF_8)).replaceAll("..?=*$", "");
    }

    @ParameterizedTest
    @ValueSource(strings = {"MIRROR_REGISTRY_HOT_URL=registry.example.com", "MIRROR_REGISTRY_HOT_BLOBS=stream",
        "MIRROR_SERVER_PORT=none", "MIRROR_CONFIG=none.yaml"})
    void stopsWithOneLineAtASettingThatCannotWork(String setting) throws Exception {
        launch(setting.split("=")[0], setting.split("=")[1]);
        assertEquals(1, exitCode());
        assertEquals(1, read("err").lines().count(), read("err"));
        assertTrue(read("err").contains(setting.split("=")[1]), read("err"));
        assertFalse(read("out").contains("Exception"), read("out"));
    }

    @ParameterizedTest
    @ValueSource(strings = {"serve", "check now", "--", "@file", "explain", "explain a b", "explain a --nope", "explain --client",
        "user", "user add", "user add a:b", "robot add ci", "robot add ci --repositories a --may write"})
    void refusesWrongArgumentsWithOneSentence(String arguments) throws Exception {
        launch(List.of(arguments.split(" ")));
        assertEquals(arguments.matches("(explain|user|robot).*") ? 2 : 1, exitCode());
        assertEquals(1, read("err").lines().count(), read("err"));
        assertFalse(read("err").contains("cannot start"), read("err"));
        assertEquals("", read("out"));
    }

    @Test
    void explainAsksTheRunningMirror() throws Exception {
        String managementPort = String.valueOf(TestMirror.freePort());
        String[] settings = {"MIRROR_MANAGEMENT_PORT", managementPort, "MIRROR_REGISTRY_COLD_URL", "http://127.0.0.1:1"};
        launch(List.of("explain", "library/app:1.0"), settings);
        assertEquals(2, exitCode());
        assertEquals("No mirror responds at 127.0.0.1:" + managementPort + " (mirror.management.port): Connection refused.\n", read("err"));
        hot.image("library/app", "1.0");
        Path folder = Files.createDirectory(directory.resolve("mirror"));
        output = ProcessBuilder.Redirect.to(folder.resolve("out").toFile());
        launch(settings);
        Process mirror = process;
        try {
            awaitHealthy();
            writeToFiles();
            launch(List.of("explain", "docker.io/library/app:1.0", "--namespace", "docker.io", "--client", "10.1.2.3"), settings);
            assertEquals(0, exitCode(), read("err"));
            List<String> lines = read("out").lines().toList();
            assertEquals("request   GET /v2/library/app/manifests/1.0?ns=docker.io, client 10.1.2.3", lines.get(1));
            assertTrue(lines.get(5).matches("hot +library/app +yes +200 sha256:[0-9a-f]{12}… \\(\\d+ ms\\)"), read("out"));
            assertEquals("client    gets 200 from hot", lines.get(lines.size() - 1));
            assertEquals("", read("err"));
            launch(List.of("explain", "library/none"), settings);
            assertEquals(1, exitCode());
            assertTrue(read("out").endsWith("client    gets 503: hot has not got it and cold is in trouble (connection refused)\n"), read("out"));
            launch(List.of("explain", "Library/App"), settings);
            assertEquals(2, exitCode());
            assertTrue(read("err").startsWith("image=Library/App cannot be read: "), read("err"));
            assertEquals("", read("out"));
            // The clients' port is none that explains.
            launch(List.of("explain", "library/app"), "MIRROR_MANAGEMENT_PORT", String.valueOf(port), "MIRROR_SERVER_PORT", managementPort);
            assertEquals(2, exitCode());
            assertEquals("The server at 127.0.0.1:" + port + " (mirror.management.port) responds with 404 and is no mirror that explains.\n", read("err"));
        } finally {
            mirror.destroyForcibly();
        }
    }

    @Test
    void startsWithoutTheLibraryOfCommands() throws Exception {
        launch(List.of("--version"));
        assertEquals(0, exitCode());
        assertTrue(read("out").matches("mirror-registry \\d+\\.\\d+\\.\\d+\n"), read("out"));
        launch("JAVA_TOOL_OPTIONS", "-Xlog:class+load:file=" + directory.resolve("classes"));
        awaitHealthy();
        assertTrue(read("classes").contains("io.mirrorregistry.Mirror "));
        assertFalse(read("classes").contains("picocli"));
    }

    @Test
    void stopsWithOneLineAtAConfigYamlThatIsABomb() throws Exception {
        Files.writeString(directory.resolve("config.yaml"), "server: " + "[".repeat(100_000));
        launch();
        assertEquals(1, exitCode());
        assertTrue(read("err").matches("config.yaml line 1 is nested more than [^\\n]*\\n"), read("err"));
        assertFalse(read("out").contains("StackOverflowError"), read("out"));
    }

    @Test
    void checkSaysWhatIsWrongWithoutServing() throws Exception {
        Path routes = TestRoutes.copyTo(directory);
        try (ServerSocket taken = new ServerSocket(port)) {
            launch(List.of("check"), "MIRROR_REGISTRY_COLD_URL", "http://127.0.0.1:1");
            assertEquals(0, exitCode(), read("err"));
            assertEquals(1, read("out").lines().count(), read("out"));
        }
        Files.writeString(routes.resolve("health.camel.yaml"), "- route: {");
        Files.writeString(routes.resolve("front-door.camel.yaml"), Files.readString(routes.resolve("front-door.camel.yaml")).replace("ref: request", "ref: reqest"));
        launch(List.of("check"));
        assertEquals(1, exitCode());
        assertEquals("", read("out"));
        List<String> faults = read("err").lines().toList();
        assertEquals(3, faults.size(), read("err"));
        assertTrue(faults.get(0).startsWith("mirror.images.directory=images: "), faults.get(0));
        assertTrue(faults.stream().anyMatch(fault -> fault.startsWith("routes/health.camel.yaml:1:11: ")), read("err"));
        assertTrue(faults.stream().anyMatch(fault -> fault.matches("routes/front-door.camel.yaml:\\d+:\\d+: .*reqest.*")), read("err"));

        launch(List.of("check"), "MIRROR_SERVER_PORT", "0");
        assertEquals(1, exitCode());
        assertTrue(read("err").startsWith("mirror.server.port=0 cannot work: "), read("err"));
    }

    @Test
    void checkTakesAWarningForAFaultWhenItIsStrict() throws Exception {
        String warning = "warning: MIRROR_SERVER_WORKES is the variable of no setting of this mirror and is ignored; did you mean MIRROR_SERVER_WORKERS?";
        launch(List.of("check"), "MIRROR_REGISTRY_COLD_URL", "http://127.0.0.1:1", "MIRROR_SERVER_WORKES", "3");
        assertEquals(0, exitCode());
        assertEquals(List.of(warning), read("err").lines().toList());
        assertEquals(1, read("out").lines().count(), read("out"));
        launch(List.of("check", "--strict"), "MIRROR_REGISTRY_COLD_URL", "http://127.0.0.1:1", "MIRROR_SERVER_WORKES", "3");
        assertEquals(1, exitCode());
        assertEquals(List.of(warning), read("err").lines().toList());
        assertEquals("", read("out"));
        launch(List.of("check", "--strict"), "MIRROR_REGISTRY_COLD_URL", "http://127.0.0.1:1", "MIRROR_SERVER_WORKES", "");
        assertEquals(0, exitCode(), read("err"));
    }

    @Test
    void checkSaysAllThatIsWrongWithSettingsCertificatesAndRoutesAtOnce() throws Exception {
        Path routes = TestRoutes.copyTo(directory);
        Files.writeString(routes.resolve("health.camel.yaml"), "- route: {");
        launch(List.of("check"), "MIRROR_SERVER_PORT", "0", "MIRROR_CACHE_SIZE", "much", "MIRROR_REGISTRY_HOT_PASSWORD", "hunter2",
                "MIRROR_REGISTRY_HOT_HEADERS_HOST", "elsewhere", "MIRROR_REGISTRY_COLD_URL", "cold", "MIRROR_REGISTRY_COLD_CA_CERTIFICATE", "none.pem",
                "MIRROR_SERVER_TLS_CERTIFICATE", "none.crt", "MIRROR_SERVER_TLS_KEY", "none.key");
        assertEquals(1, exitCode());
        List<String> lines = read("err").lines().sorted().toList();
        assertEquals(List.of(
                "mirror.cache.size=much cannot work", "mirror.registry.cold.ca-certificate=none.pem cannot work",
                "mirror.registry.cold.url=cold cannot work", "mirror.registry.hot.headers.HOST=*** cannot work", "mirror.registry.hot.password=*** cannot work",
                "mirror.server.port=0 cannot work", "mirror.server.tls.certificate=none.crt cannot work", "routes/health.camel.yaml"),
                lines.stream().map(line -> line.substring(0, line.indexOf(':'))).toList());
        assertFalse(read("err").contains("hunter2"), read("err"));
    }

    /** Camel would look at variables itself, and so past what the mirror keeps from routes. */
    @Test
    void noRouteLearnsAPasswordFromAVariable() throws Exception {
        Path routes = TestRoutes.copyTo(directory);
        Path health = routes.resolve("health.camel.yaml");
        Files.writeString(health, Files.readString(health).replace("id: health", "id: \"{{mirror.registry.hot.password}}\""));
        for (List<String> arguments : List.of(List.of("check"), List.<String>of())) {
            launch(arguments, "MIRROR_REGISTRY_HOT_USERNAME", "reader", "MIRROR_REGISTRY_HOT_PASSWORD", "hunter2", "MIRROR_REGISTRY_COLD_URL", "http://127.0.0.1:1");
            assertEquals(1, exitCode());
            assertTrue(read("err").startsWith("routes/health.camel.yaml:2:9: Property with key [mirror.registry.hot.password] not found"), read("err"));
        }
    }

    @Test
    void stopsWithOneLineAtARouteThatCannotWork() throws Exception {
        Path routes = TestRoutes.copyTo(directory);
        Path tags = routes.resolve("tags.camel.yaml");
        String sound = Files.readString(tags);
        // Camel itself would find the second only when somebody asks for tags.
        for (String broken : List.of(sound.replace("ref: tags", "ref: tagse"), sound.replace("uri: direct:registry", "uri: direct:regisdry"))) {
            Files.writeString(tags, broken);
            launch();
            assertEquals(1, exitCode());
            assertTrue(read("err").startsWith("routes/tags.camel.yaml:"), read("err"));
            assertEquals(1, read("err").lines().count(), read("err"));
        }
    }

    @Test
    void stopsWithOneLineWhereThePortIsInUse() throws Exception {
        try (ServerSocket taken = new ServerSocket(port)) {
            launch();
            assertEquals(1, exitCode());
        }
        assertTrue(read("err").startsWith("mirror.server.port=" + port + " cannot work: "), read("err"));
        assertEquals(1, read("err").lines().count(), read("err"));
    }

    @Test
    void finishesWhatRunsBeforeItStops() throws Exception {
        CountDownLatch held = new CountDownLatch(1);
        Digest blob = hot.blob("library/app", Body.ofSize(50_000_000, 1));
        hot.image("library/app", "1.0");
        launch("MIRROR_REGISTRY_HOT_BLOBS", "proxy", "MIRROR_REGISTRY_HOT_RESPONSE_TIMEOUT", "20s");
        awaitHealthy();
        hot.fault(Fault.heldUntil(held).on(Kind.MANIFEST));
        HttpClient http = HttpClient.newHttpClient();
        CompletableFuture<HttpResponse<byte[]>> manifest = http.sendAsync(TestClient.request("GET",
                url() + "/v2/library/app/manifests/1.0", Duration.ofSeconds(30)), HttpResponse.BodyHandlers.ofByteArray());
        HttpResponse<InputStream> stream = http.send(TestClient.request("GET", url() + "/v2/library/app/blobs/" + blob,
                Duration.ofSeconds(30)), HttpResponse.BodyHandlers.ofInputStream());
        await(() -> !hot.calls("GET", Kind.MANIFEST).isEmpty());
        process.destroy();
        await(() -> read("out").contains("Shutting down"));
        await(() -> client.get(url() + "/v2/").statusCode() == 503);
        HttpResponse<byte[]> late = client.get(url() + "/v2/library/app/manifests/1.0");
        assertEquals(503, late.statusCode());
        assertEquals("5", late.headers().firstValue("Retry-After").orElse(null));
        assertTrue(new String(late.body(), StandardCharsets.UTF_8).contains("UNAVAILABLE"));
        held.countDown();
        assertEquals(50_000_000, stream.body().readAllBytes().length);
        assertEquals(200, manifest.get(30, TimeUnit.SECONDS).statusCode());
        assertTrue(List.of(0, 143).contains(exitCode()), "exit code " + process.exitValue());
    }

    @Test
    void manyLargeManifestsToSlowClientsFitIntoASmallMemory() throws Exception {
        launch("JAVA_TOOL_OPTIONS", "-Xmx96m -XX:+ExitOnOutOfMemoryError");
        awaitHealthy();
        List<Image> images = new ArrayList<>();
        List<Socket> clients = new ArrayList<>();
        for (int i = 0; i < 60; i++) {
            images.add(hot.put(Image.ofManifestSize("library/large", "t" + i, SizeLimits.MANIFEST_BYTES)));
            Socket client = new Socket("127.0.0.1", port);
            client.setSoTimeout(30_000);
            client.getOutputStream().write(("GET " + images.get(i).path() + " HTTP/1.1\r\nHost: mirror\r\nConnection: close\r\n\r\n")
                    .getBytes(StandardCharsets.US_ASCII));
            clients.add(client);
        }
        Thread.sleep(3000);
        int served = 0;
        for (int i = 0; i < 60; i++) {
            byte[] answer = clients.get(i).getInputStream().readAllBytes();
            byte[] manifest = images.get(i).manifest();
            clients.get(i).close();
            String head = new String(answer, 0, Math.min(answer.length, 200), StandardCharsets.ISO_8859_1);
            if (head.startsWith("HTTP/1.1 200 ")) {
                assertArrayEquals(manifest, Arrays.copyOfRange(answer, answer.length - manifest.length, answer.length));
                served++;
            } else {
                assertTrue(head.startsWith("HTTP/1.1 503 "), head);
            }
        }
        assertTrue(served >= 2, served + " were served");
        assertTrue(process.isAlive(), () -> read("out") + read("err"));
        assertArrayEquals(images.get(0).manifest(), client.get(url() + images.get(0).path()).body());
    }

    /** Four clients that take large manifests slowly have all the memory that large answers may have, and the reserved part serves the others. */
    @Test
    void smallManifestsOfUnknownLengthAreServedWhileSlowClientsHaveTheMemory() throws Exception {
        launch("JAVA_TOOL_OPTIONS", "-Xmx96m -XX:+ExitOnOutOfMemoryError");
        awaitHealthy();
        List<Socket> slow = new ArrayList<>();
        for (int i = 0; i < 4; i++) {
            Image large = hot.put(Image.ofManifestSize("library/large", "t" + i, SizeLimits.MANIFEST_BYTES));
            Socket socket = new Socket("127.0.0.1", port);
            socket.setReceiveBufferSize(4096);
            socket.setSoTimeout(30_000);
            socket.getOutputStream().write(("GET " + large.path() + " HTTP/1.1\r\nHost: mirror\r\n\r\n").getBytes(StandardCharsets.US_ASCII));
            assertTrue(socket.getInputStream().read() >= 0);
            slow.add(socket);
        }
        hot.fault(Fault.chunked().on(Kind.MANIFEST));
        for (int i = 0; i < 20; i++) {
            Image small = hot.image("library/small", "t" + i);
            assertArrayEquals(small.manifest(), client.get(url() + small.path()).body());
        }
        for (Socket socket : slow) {
            socket.close();
        }
        hot.heal();
        assertTrue(process.isAlive(), () -> read("out") + read("err"));
    }

    /** Each head is as long as it may be and never ends; their memory is bounded together. */
    @Test
    void thousandsOfUnfinishedHeadsFitIntoASmallMemory() throws Exception {
        Image image = hot.image("library/app", "1");
        launch("JAVA_TOOL_OPTIONS", "-Xmx96m -XX:+ExitOnOutOfMemoryError");
        awaitHealthy();
        String start = "GET /v2/ HTTP/1.1\r\nHost: mirror\r\n";
        for (String head : List.of(start + "a:\r\n".repeat(2_600), start + ("X: " + "a".repeat(160) + "\r\n").repeat(90))) {
            List<Socket> sockets = new ArrayList<>();
            for (int i = 0; i < 2_000; i++) {
                Socket socket = new Socket("127.0.0.1", port);
                sockets.add(socket);
                try {
                    socket.getOutputStream().write(head.getBytes(StandardCharsets.US_ASCII));
                } catch (IOException e) {
                    // closed by the mirror
                }
            }
            assertArrayEquals(image.manifest(), client.get(url() + image.path()).body());
            for (Socket socket : sockets) {
                socket.close();
            }
        }
        assertEquals(200, client.get(url() + "/health").statusCode());
        assertTrue(process.isAlive(), () -> read("out") + read("err"));
    }

    @Test
    void twoHundredSlowReadersOfStreamsFitIntoASmallMemory() throws Exception {
        Body layer = Body.ofSize(50_000_000, 1);
        Digest blob = hot.blob("library/app", layer);
        launch("JAVA_TOOL_OPTIONS", "-Xmx96m -XX:+UseSerialGC -XX:+ExitOnOutOfMemoryError", "MIRROR_REGISTRY_HOT_BLOBS", "proxy",
                "MIRROR_SERVER_CALLS_PER_REGISTRY", "200",
                // 200 connections and responses at once take longer than the usual times on a busy machine: the registry would count as in trouble, which is 503.
                "MIRROR_REGISTRY_HOT_CONNECT_TIMEOUT", "20s", "MIRROR_REGISTRY_HOT_RESPONSE_TIMEOUT", "20s", "MIRROR_REGISTRY_HOT_PATIENCE", "0");
        awaitHealthy();
        long resident = residentMegabytes();
        List<Socket> clients = new ArrayList<>();
        for (int i = 0; i < 200; i++) {
            Socket client = new Socket();
            client.setReceiveBufferSize(16 * 1024);
            client.setSoTimeout(30_000);
            client.connect(new InetSocketAddress("127.0.0.1", port));
            client.getOutputStream().write(("GET /v2/library/app/blobs/" + blob + " HTTP/1.1\r\nHost: mirror\r\nConnection: close\r\n\r\n")
                    .getBytes(StandardCharsets.US_ASCII));
            clients.add(client);
        }
        for (Socket client : clients) {
            String status = new String(client.getInputStream().readNBytes(12), StandardCharsets.US_ASCII);
            if (!status.equals("HTTP/1.1 200")) {
                fail(status + new String(client.getInputStream().readNBytes(4096), StandardCharsets.US_ASCII));
            }
        }
        // Each reads a little now and then, as one does that holds a stream for as long as it can.
        for (int i = 0; i < 5; i++) {
            for (Socket client : clients) {
                client.getInputStream().readNBytes(1000);
            }
            Thread.sleep(300);
        }
        long more = residentMegabytes() - resident;
        System.out.println("ProcessTest: 200 slow readers: " + resident + " MB resident became " + (resident + more));
        assertTrue(more < 150, resident + " MB resident grew by " + more);
        assertEquals(200, client.get(url() + "/health").statusCode());
        byte[] last = clients.get(199).getInputStream().readAllBytes();
        assertArrayEquals(Arrays.copyOfRange(layer.bytes(), 49_000_000, 50_000_000), Arrays.copyOfRange(last, last.length - 1_000_000, last.length));
        for (Socket client : clients) {
            client.close();
        }
        await(() -> hot.connections() <= 2);
        assertTrue(process.isAlive(), () -> read("out") + read("err"));
    }

    private long residentMegabytes() throws IOException {
        for (String line : Files.readAllLines(Path.of("/proc/" + process.pid() + "/status"))) {
            if (line.startsWith("VmRSS:")) {
                return Long.parseLong(line.replaceAll("\\D", "")) / 1024;
            }
        }
        throw new AssertionError("no VmRSS");
    }

    @Test
    void manyLongListsAtOnceFitIntoASmallMemory() throws Exception {
        int tags = 100_000;
        String list = "{\"name\":\"library/app\",\"tags\":[" + IntStream.range(0, tags).mapToObj(i -> "\"v1.0." + i + "\"")
                .collect(Collectors.joining(",")) + "]}";
        hot.fault(Fault.instead((call, answer) -> Answer.of(200, "application/json", list)).on(Kind.TAGS));
        launch("JAVA_TOOL_OPTIONS", "-Xmx96m -XX:+UseSerialGC -XX:+ExitOnOutOfMemoryError");
        awaitHealthy();
        HttpClient http = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
        List<CompletableFuture<HttpResponse<byte[]>>> answers = new ArrayList<>();
        for (int i = 0; i < 60; i++) {
            answers.add(http.sendAsync(TestClient.request("GET", url() + "/v2/library/app/tags/list?n=10&last=v1.0.1", Duration.ofSeconds(60)),
                    HttpResponse.BodyHandlers.ofByteArray()));
        }
        int served = 0;
        for (CompletableFuture<HttpResponse<byte[]>> answer : answers) {
            int status = answer.handle((response, failure) -> failure == null ? response.statusCode() : 0).get(60, TimeUnit.SECONDS);
            assertTrue(status == 200 || status == 503, () -> "status " + status + read("err") + read("out"));
            served += status == 200 ? 1 : 0;
        }
        assertTrue(served >= 2, served + " were served");
        assertTrue(process.isAlive(), () -> read("out") + read("err"));
        assertEquals(200, client.get(url() + "/v2/library/app/tags/list").statusCode());
    }

    @Test
    void aManifestOfAMillionSmallPartsFitsIntoASmallMemory() throws Exception {
        String bomb = "{\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\",\"x\":[{\"a\":1}"
                + ",{\"a\":1}".repeat(500_000) + "]}";
        hot.fault(Fault.instead((call, answer) -> Answer.of(200, "application/vnd.oci.image.manifest.v1+json", bomb)).on(Kind.MANIFEST));
        launch("JAVA_TOOL_OPTIONS", "-Xmx96m -XX:+UseSerialGC -XX:+ExitOnOutOfMemoryError");
        awaitHealthy();
        HttpClient http = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
        List<CompletableFuture<Integer>> answers = new ArrayList<>();
        for (int i = 0; i < 8; i++) {
            answers.add(http.sendAsync(TestClient.request("GET", url() + "/v2/library/app/manifests/t" + i, Duration.ofSeconds(60)),
                    HttpResponse.BodyHandlers.ofByteArray()).handle((response, failure) -> failure == null ? response.statusCode() : 0));
        }
        for (CompletableFuture<Integer> answer : answers) {
            int status = answer.get(60, TimeUnit.SECONDS);
            assertTrue(status == 200 || status == 503, () -> "status " + status + read("err") + read("out"));
        }
        assertTrue(process.isAlive(), () -> read("out") + read("err"));
        assertEquals(bomb.length(), client.get(url() + "/v2/library/app/manifests/last").body().length);
    }

    @Test
    void finishesWhatRunsInRoutesThatHaveChangedOverToo() throws Exception {
        CountDownLatch held = new CountDownLatch(1);
        hot.image("library/app", "1.0");
        Path routes = TestRoutes.copyTo(directory);
        launch("MIRROR_REGISTRY_HOT_RESPONSE_TIMEOUT", "20s", "MIRROR_ROUTES_RELOAD_INTERVAL", "20ms");
        awaitHealthy();
        for (String name : List.of("front-door", "manifest", "registry")) {
            Path file = routes.resolve(name + ".camel.yaml");
            Files.writeString(file, Files.readString(file) + "\n");
        }
        await(() -> read("out").contains("Routes changed over: "));
        Thread.sleep(500);
        hot.fault(Fault.heldUntil(held).on(Kind.MANIFEST));
        CompletableFuture<HttpResponse<byte[]>> manifest = HttpClient.newHttpClient().sendAsync(TestClient.request("GET",
                url() + "/v2/library/app/manifests/1.0", Duration.ofSeconds(30)), HttpResponse.BodyHandlers.ofByteArray());
        await(() -> !hot.calls("GET", Kind.MANIFEST).isEmpty());
        process.destroy();
        await(() -> client.get(url() + "/v2/").statusCode() == 503);
        held.countDown();
        assertEquals(200, manifest.get(30, TimeUnit.SECONDS).statusCode());
        assertTrue(List.of(0, 143).contains(exitCode()), "exit code " + process.exitValue());
        assertFalse(read("out").contains("\"ERROR\""), read("out"));
    }

    @Test
    void standardOutputThatNobodyReadsHoldsNothingUp() throws Exception {
        Image image = hot.image("library/app", "1.0");
        int managementPort = TestMirror.freePort();
        output = ProcessBuilder.Redirect.PIPE;
        launch("MIRROR_MANAGEMENT_PORT", String.valueOf(managementPort), "MIRROR_SERVER_SHUTDOWN_TIMEOUT", "2s");
        String management = "http://127.0.0.1:" + managementPort;
        String lost = "mirror_log_lines_dropped_total ";
        fillTheLog(image, () -> count(management, lost) > 0);
        assertEquals(200, client.get(url() + "/health").statusCode());
        assertEquals(200, client.get(management + "/observe/health/live").statusCode());
        assertEquals(200, client.get(url() + image.path()).statusCode());

        // Somebody reads again: a line says how many are missing, and no more are.
        BlockingQueue<String> warnings = new LinkedBlockingQueue<>();
        AtomicBoolean reading = new AtomicBoolean(true);
        Thread reader = new Thread(() -> {
            try {
                BufferedReader lines = new BufferedReader(new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8));
                for (String line = lines.readLine(); line != null && reading.get(); line = lines.readLine()) {
                    if (line.contains("lines were dropped")) {
                        warnings.add(line);
                    }
                }
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        });
        reader.start();
        assertTrue(warnings.poll(30, TimeUnit.SECONDS) != null, "no warning");
        double before = count(management, lost);
        for (int i = 0; i < 100; i++) {
            client.get(url() + image.path());
        }
        assertEquals(before, count(management, lost));

        reading.set(false);
        fillTheLog(image, () -> count(management, lost) > before);
        process.destroy();
        assertTrue(process.waitFor(20, TimeUnit.SECONDS), "the stop is held up");
    }

    /** Pulls until the condition holds; each pull has to be answered within 5 s. */
    private void fillTheLog(Image image, BooleanSupplier condition) throws Exception {
        awaitHealthy();
        HttpClient http = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
        for (int i = 0; i < 1000 && !condition.getAsBoolean(); i++) {
            List<CompletableFuture<HttpResponse<byte[]>>> answers = new ArrayList<>();
            for (int j = 0; j < 50; j++) {
                answers.add(http.sendAsync(TestClient.request("GET", url() + image.path(), Duration.ofSeconds(5)),
                        HttpResponse.BodyHandlers.ofByteArray()));
            }
            for (CompletableFuture<HttpResponse<byte[]>> answer : answers) {
                assertEquals(200, answer.get(5, TimeUnit.SECONDS).statusCode());
            }
        }
        assertTrue(condition.getAsBoolean(), "no line is dropped");
    }

    private double count(String management, String metric) {
        return new String(client.get(management + "/observe/metrics").body(), StandardCharsets.UTF_8).lines()
                .filter(line -> line.startsWith(metric)).mapToDouble(line -> Double.parseDouble(line.substring(metric.length()))).sum();
    }

    /** Without -XX:+ExitOnOutOfMemoryError, which would end the process earlier. */
    @Test
    void endsWithCodeThreeWhereAnErrorOfTheVirtualMachineIsThrownInARoute() throws Exception {
        Path routes = TestRoutes.copyTo(directory);
        Files.writeString(routes.resolve("hungry.camel.yaml"), """
                - route:
                    id: hungry
                    from:
                      uri: platform-http:/hungry
                      parameters:
                        useBodyHandler: false
                        headerFilterStrategy: "#client-headers"
                      steps:
                        - bean:
                            beanType: java.util.ArrayList
                            method: ensureCapacity(1500000000)
                """);
        launch("JAVA_TOOL_OPTIONS", "-Xmx100m -XX:+UseSerialGC");
        awaitHealthy();
        try (Socket client = new Socket("127.0.0.1", port)) {
            client.getOutputStream().write("GET /hungry HTTP/1.1\r\nHost: mirror\r\n\r\n".getBytes(StandardCharsets.US_ASCII));
            assertEquals(3, exitCode(), () -> read("out"));
        }
        assertTrue(read("err").contains("Mirror Registry ends with code 3: java.lang.OutOfMemoryError"), read("err"));
    }

    @Test
    void anIndexOfAHundredThousandNamesFitsIntoASmallMemory() throws Exception {
        writeFolder(100_000, i -> Digest.ofSha256(String.valueOf(i).getBytes(StandardCharsets.UTF_8)), 500);
        String small = "-Xmx100m -XX:+UseSerialGC -XX:+ExitOnOutOfMemoryError";
        int managementPort = TestMirror.freePort();
        launch("JAVA_TOOL_OPTIONS", small, "MIRROR_MANAGEMENT_PORT", String.valueOf(managementPort), "MIRROR_CACHE_MISS_TTL", "0");
        awaitHealthy();
        for (int i = 0; i < 50; i++) {
            assertEquals(503, client.get(url() + "/v2/library/app/manifests/" + i).statusCode());
        }
        String health = new String(client.get("http://127.0.0.1:" + managementPort + "/observe/health").body(), StandardCharsets.UTF_8);
        assertTrue(health.contains("has more than ") && health.contains("raise -Xmx"), health);
        assertTrue(process.isAlive(), () -> read("out") + read("err"));
        process.destroy();
        exitCode();

        launch(List.of("check"), "JAVA_TOOL_OPTIONS", small);
        assertEquals(1, exitCode());
        assertTrue(read("err").lines().anyMatch(line -> line.matches("mirror.images.directory=images: The file images/index.json is not read: it has more than "
                + "\\d+ names, .*; raise -Xmx or remove images.")), read("err"));
    }

    /** Writes a folder of images with one repository of so many tags. */
    private void writeFolder(int tags, IntFunction<Digest> digest, int size) throws IOException {
        Path images = Files.createDirectories(directory.resolve("images"));
        Files.writeString(images.resolve("oci-layout"), "{\"imageLayoutVersion\":\"1.0.0\"}");
        try (BufferedWriter out = Files.newBufferedWriter(images.resolve("index.json"))) {
            out.write("{\"schemaVersion\":2,\"manifests\":[");
            for (int i = 0; i < tags; i++) {
                out.write((i == 0 ? "" : ",") + "{\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\",\"digest\":\"" + digest.apply(i)
                        + "\",\"size\":" + size + ",\"annotations\":{\"org.opencontainers.image.ref.name\":\"library/app:" + i + "\"}}");
            }
            out.write("]}");
        }
    }

    private byte[] blob(String content) throws IOException {
        byte[] bytes = content.getBytes(StandardCharsets.UTF_8);
        Files.write(Files.createDirectories(directory.resolve("images/blobs/sha256")).resolve(Digest.ofSha256(bytes).hex()), bytes);
        return bytes;
    }

    @Test
    void manyListsOfALargeFolderAtOnceFitIntoASmallMemory() throws Exception {
        byte[] config = blob("{}");
        byte[] manifest = blob("{\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\",\"config\":{\"digest\":\""
                + Digest.ofSha256(config) + "\",\"size\":2},\"layers\":[]}");
        writeFolder(20_000, i -> Digest.ofSha256(manifest), manifest.length);
        launch("JAVA_TOOL_OPTIONS", "-Xmx96m -XX:+UseSerialGC -XX:+ExitOnOutOfMemoryError");
        awaitHealthy();
        HttpClient http = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
        List<CompletableFuture<HttpResponse<byte[]>>> answers = new ArrayList<>();
        for (int i = 0; i < 150; i++) {
            answers.add(http.sendAsync(TestClient.request("GET", url() + "/v2/library/app/tags/list?n=10", Duration.ofSeconds(60)),
                    HttpResponse.BodyHandlers.ofByteArray()));
        }
        int served = 0;
        for (CompletableFuture<HttpResponse<byte[]>> answer : answers) {
            int status = answer.handle((response, failure) -> failure == null ? response.statusCode() : 0).get(60, TimeUnit.SECONDS);
            assertTrue(status == 200 || status == 503, () -> "status " + status + read("err") + read("out"));
            served += status == 200 ? 1 : 0;
        }
        assertTrue(served >= 2, served + " were served");
        assertTrue(process.isAlive(), () -> read("out") + read("err"));
        assertEquals(200, client.get(url() + "/v2/library/app/tags/list").statusCode());
    }
}
