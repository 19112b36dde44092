package io.mirrorregistry.registry.folder;

import static org.junit.jupiter.api.Assertions.assertTimeout;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import io.mirrorregistry.protocol.Digest;
import io.mirrorregistry.protocol.MediaTypes;
import io.mirrorregistry.protocol.RepositoryName;
import io.mirrorregistry.protocol.Tag;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.stream.Stream;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.lifecycle.AfterTry;
import net.jqwik.api.lifecycle.BeforeTry;
import org.slf4j.LoggerFactory;

/** Whatever the files hold: every call returns or throws ImageLayoutException, and soon. */
class ImageLayoutFuzzTest {

    private static final RepositoryName HELLO = new RepositoryName("library/hello");
    private static final Digest DIGEST = Digest.ofSha256(new byte[0]);

    private Path directory;
    private LayoutBuilder builder;
    private Level level;

    @BeforeTry
    void setUp() throws IOException {
        directory = Files.createTempDirectory("layout");
        builder = new LayoutBuilder(directory);
        level = logger().getLevel();
        logger().setLevel(Level.OFF);
    }

    @AfterTry
    void tearDown() throws IOException {
        logger().setLevel(level);
        try (Stream<Path> files = Files.walk(directory)) {
            for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(file);
            }
        }
    }

    @Property
    void indexOfRandomBytes(@ForAll byte[] content) {
        builder.write(content);
        useLayout();
    }

    @Property
    void markerOfRandomBytes(@ForAll byte[] content) throws IOException {
        builder.name("library/hello:latest", builder.image("hello")).write();
        Files.write(directory.resolve("oci-layout"), content);
        useLayout();
    }

    @Property
    void indexWithBytesChanged(@ForAll("changes") List<Map.Entry<Integer, Byte>> changes) {
        byte[] index = LayoutBuilder.bytes(builder.name("library/hello:latest", builder.image("hello"))
                .name("team/app:1", builder.index(builder.image("app"))).indexJson());
        builder.write(changed(index, changes));
        useLayout();
    }

    @Property
    void manifestWithBytesChangedAndItsDigestRight(@ForAll("changes") List<Map.Entry<Integer, Byte>> changes) {
        byte[] manifest = LayoutBuilder.bytes(builder.imageManifest("hello").put("subject", builder.image("subject"))
                .put("annotations", new JsonObject().put("a", "b")).encode());
        builder.name("library/hello:latest", builder.blob(MediaTypes.OCI_MANIFEST, changed(manifest, changes))).write();
        useLayout();
    }

    @Property
    void indexWithFieldsOfAnyKind(@ForAll("values") Object value, @ForAll("fields") String field) {
        JsonObject image = builder.image("hello");
        JsonObject odd = image.copy().put(field, value);
        builder.entry(odd).entry(value).name("library/hello:latest", odd)
                .entry(image.copy().put("annotations", value))
                .entry(image.copy().put("annotations", new JsonObject().put(LayoutBuilder.REF_NAME, value))).write();
        useLayout();
    }

    @Property
    void manifestWithFieldsOfAnyKind(@ForAll("values") Object value, @ForAll("fields") String field) {
        JsonObject manifest = builder.imageManifest("hello").put(field, value);
        JsonObject index = new JsonObject().put("manifests", new JsonArray().add(value)).put(field, value);
        builder.name("library/hello:latest", builder.blob(MediaTypes.OCI_MANIFEST, LayoutBuilder.bytes(manifest.encode())))
                .name("library/hello:2", builder.blob(MediaTypes.OCI_INDEX, LayoutBuilder.bytes(index.encode()))).write();
        useLayout();
    }

    @Provide
    Arbitrary<List<Map.Entry<Integer, Byte>>> changes() {
        Arbitrary<Byte> bytes = Arbitraries.oneOf(Arbitraries.bytes(), Arbitraries.of("{}[]\",:0\\".chars()
                .mapToObj(c -> (byte) c).toList()));
        return Arbitraries.integers().between(0, Integer.MAX_VALUE)
                .flatMap(position -> bytes.map(value -> Map.entry(position, value))).list().ofMinSize(1).ofMaxSize(4);
    }

    @Provide
    Arbitrary<String> fields() {
        return Arbitraries.of("mediaType", "digest", "size", "annotations", "manifests", "config", "layers", "subject",
                "artifactType", "urls", "schemaVersion");
    }

    @Provide
    Arbitrary<Object> values() {
        return values(3);
    }

    /** Built to a depth: jqwik remembers each generator that it has made, and a lazy one makes new ones for ever. */
    private Arbitrary<Object> values(int depth) {
        Arbitrary<Object> plain = Arbitraries.oneOf(Arbitraries.strings().ofMaxLength(20), Arbitraries.integers(),
                Arbitraries.longs(), Arbitraries.bigIntegers(), Arbitraries.doubles(), Arbitraries.of(true, false),
                Arbitraries.of(MediaTypes.OCI_INDEX, MediaTypes.OCI_MANIFEST, DIGEST.value(), "sha256:../../x", "latest"));
        if (depth == 0) {
            return plain;
        }
        Arbitrary<Object> inner = values(depth - 1);
        Arbitrary<Object> lists = inner.list().ofMaxSize(3).map(JsonArray::new);
        Arbitrary<Object> objects = Arbitraries.entries(Arbitraries.oneOf(fields(), Arbitraries.strings().ofMaxLength(3)), inner).list().ofMaxSize(3)
                .map(entries -> {
                    JsonObject object = new JsonObject();
                    entries.forEach(entry -> object.put(entry.getKey(), entry.getValue()));
                    return object;
                });
        return Arbitraries.oneOf(plain, plain, lists, objects);
    }

    private void useLayout() {
        ImageLayout layout = new ImageLayout(directory);
        List<Callable<?>> calls = new ArrayList<>(List.of(() -> layout.manifest(HELLO, new Tag("latest")),
                () -> layout.manifest(HELLO, DIGEST), () -> layout.blob(HELLO, DIGEST), () -> layout.tags(HELLO),
                () -> layout.hasRepository(HELLO), () -> layout.referrers(HELLO, DIGEST), layout::problem, layout::size));
        assertTimeout(Duration.ofSeconds(10), () -> {
            for (Callable<?> call : calls) {
                try {
                    call.call();
                } catch (ImageLayoutException e) {
                    // the one that callers expect
                }
            }
        });
    }

    private static byte[] changed(byte[] content, List<Map.Entry<Integer, Byte>> changes) {
        byte[] changed = content.clone();
        changes.forEach(change -> changed[change.getKey() % changed.length] = change.getValue());
        return changed;
    }

    private static Logger logger() {
        return (Logger) LoggerFactory.getLogger(ImageLayout.class);
    }
}
