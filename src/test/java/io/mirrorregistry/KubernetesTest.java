package io.mirrorregistry;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.mirrorregistry.access.Access;
import io.mirrorregistry.config.AccessSettings;
import io.mirrorregistry.config.InvalidSettingException;
import io.mirrorregistry.config.Networks;
import io.mirrorregistry.config.SettingsReader;
import io.mirrorregistry.config.StoreSettings;
import io.mirrorregistry.warm.list.WarmFile;
import io.vertx.core.json.JsonObject;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.snakeyaml.engine.v2.api.Load;
import org.snakeyaml.engine.v2.api.LoadSettings;

/** The manifests of deploy/kubernetes agree with each other, the Dockerfile, the settings and the folder of routes. */
class KubernetesTest {

    private static final Path FOLDER = Path.of("deploy/kubernetes");
    private static final Path ROUTES = Path.of("routes");

    private final Map<String, Map<String, Object>> objects = new HashMap<>();

    @TempDir
    private Path scratch;

    @BeforeEach
    void read() throws IOException {
        for (Object file : list(yaml(FOLDER.resolve("kustomization.yaml")), "resources")) {
            Path path = FOLDER.resolve((String) file).normalize();
            if (Files.isDirectory(path)) {
                assertEquals(ROUTES, path);
            } else {
                Map<String, Object> object = yaml(path);
                objects.put((String) object.get("kind"), object);
            }
        }
    }

    @SuppressWarnings("unchecked")
    private static Map<String, Object> yaml(Path file) throws IOException {
        return (Map<String, Object>) new Load(LoadSettings.builder().build()).loadFromString(Files.readString(file));
    }

    /** Returns what is at a path of keys, in which a number is a place in a list. */
    private static Object at(Object from, String path) {
        Object value = from;
        for (String key : path.split(" ")) {
            value = value instanceof List<?> all ? all.get(Integer.parseInt(key)) : ((Map<?, ?>) value).get(key);
        }
        return value;
    }

    private static List<?> list(Object from, String path) {
        return (List<?>) at(from, path);
    }

    private Object pod(String path) {
        return at(objects.get("Deployment"), "spec template spec " + path);
    }

    private Object container(String path) {
        return pod("containers 0 " + path);
    }

    private static String dockerfile() throws IOException {
        return Files.readString(Path.of("Dockerfile"));
    }

    @Test
    void everyFileOfTheFolderIsUsed() throws IOException {
        Map<String, Object> kustomization = yaml(FOLDER.resolve("kustomization.yaml"));
        List<Object> used = new ArrayList<>(list(kustomization, "resources"));
        used.addAll(list(kustomization, "configMapGenerator 0 files"));
        used.addAll(list(kustomization, "secretGenerator 0 envs"));
        used.remove("../../routes");
        used.add("kustomization.yaml");
        try (Stream<Path> files = Files.list(FOLDER)) {
            assertEquals(new TreeSet<>(files.filter(Files::isRegularFile).map(file -> file.getFileName().toString()).toList()), new TreeSet<>(used));
        }
    }

    @Test
    void theOverlayHasTheManagementPortScraped() throws IOException {
        Path overlay = Path.of("deploy/kubernetes-monitoring");
        for (Object resource : list(yaml(overlay.resolve("kustomization.yaml")), "resources")) {
            Path base = overlay.resolve((String) resource).normalize();
            assertTrue(Files.exists(base), resource.toString());
            assertFalse(overlay.startsWith(base), "kustomize refuses an overlay inside of its own base as a cycle");
        }
        Map<String, Object> monitor = yaml(overlay.resolve("service-monitor.yaml"));
        assertEquals("management", at(monitor, "spec endpoints 0 port"));
        assertEquals("/observe/metrics", at(monitor, "spec endpoints 0 path"));
        Map<String, Object> service = yaml(FOLDER.resolve("service.yaml"));
        assertTrue(list(service, "spec ports").stream().anyMatch(port -> "management".equals(((Map<?, ?>) port).get("name"))), "the service has that port");
        Path dashboard = Path.of("deploy/grafana");
        String file = (String) at(yaml(dashboard.resolve("kustomization.yaml")), "configMapGenerator 0 files 0");
        assertTrue(new JsonObject(Files.readString(dashboard.resolve(file))).getJsonArray("panels").size() > 20);
    }

    /** The management port is for nobody outside of the cluster. */
    @Test
    void servicesForNodesLeadToThePullPortOnly() throws IOException {
        for (String type : List.of("NodePort", "LoadBalancer")) {
            Path overlay = Path.of("deploy/kubernetes-" + type.toLowerCase());
            assertEquals(List.of("../kubernetes", "service.yaml"), list(yaml(overlay.resolve("kustomization.yaml")), "resources"));
            Map<String, Object> service = yaml(overlay.resolve("service.yaml"));
            assertEquals(type, at(service, "spec type"));
            assertEquals(1, list(service, "spec ports").size());
            assertEquals(container("ports 0 name"), at(service, "spec ports 0 targetPort"));
            assertEquals(at(objects.get("Service"), "spec selector"), at(service, "spec selector"));
            assertFalse(at(objects.get("Service"), "metadata name").equals(at(service, "metadata name")));
            assertEquals(null, ((Map<?, ?>) at(objects.get("NetworkPolicy"), "spec ingress 0")).get("from"), "the policy lets nodes through");
        }
    }

    /** A mounted folder is changed over as a whole, so that access.yaml never waits for a file that it names. */
    @Test
    void theOverlayWithAccessMountsSoundFilesAsOneFolder() throws Exception {
        Path overlay = Path.of("deploy/kubernetes-access");
        Map<String, Object> kustomization = yaml(overlay.resolve("kustomization.yaml"));
        assertEquals(List.of("../kubernetes"), list(kustomization, "resources"));
        Map<String, Object> patch = yaml(overlay.resolve((String) at(kustomization, "patches 0 path")));
        assertEquals(at(objects.get("Deployment"), "metadata name"), at(patch, "metadata name"));
        Object pod = at(patch, "spec template spec");
        assertEquals(container("name"), at(pod, "containers 0 name"));
        assertEquals(at(kustomization, "configMapGenerator 0 name"), at(pod, "volumes 0 projected sources 0 configMap name"));
        assertEquals(at(kustomization, "secretGenerator 0 name"), at(pod, "volumes 0 projected sources 1 secret name"));
        assertEquals(true, at(kustomization, "configMapGenerator 0 options disableNameSuffixHash"), "edits reach the running mirror");
        assertEquals(true, at(kustomization, "secretGenerator 0 options disableNameSuffixHash"), "edits reach the running mirror");
        assertEquals(at(pod, "volumes 0 name"), at(pod, "containers 0 volumeMounts 0 name"));
        assertEquals(null, ((Map<?, ?>) at(pod, "containers 0 volumeMounts 0")).get("subPath"), "a subPath is never changed over");
        assertEquals(at(pod, "containers 0 volumeMounts 0 mountPath") + "/access.yaml", at(pod, "containers 0 env 0 value"));
        List<Object> mounted = new ArrayList<>(list(kustomization, "configMapGenerator 0 files"));
        mounted.addAll(list(kustomization, "secretGenerator 0 files"));
        assertEquals(List.of("access.yaml", "users.htpasswd", "robots.yaml"), mounted);
        List<String> faults = new ArrayList<>();
        List<String> warnings = new ArrayList<>();
        Access.check(new AccessSettings(overlay.resolve("access.yaml"), null, Duration.ofMinutes(5), null, Networks.NONE), faults, warnings);
        assertEquals(List.of(), faults);
        assertEquals(List.of(), warnings);
    }

    /** Two mirrors with secrets of their own would refuse each other's tokens; a secret that is published would be worse. */
    @Test
    void theOverlayWithAccessDoesNotStartBeforeItsSecretIsReplaced() throws Exception {
        Path overlay = Path.of("deploy/kubernetes-access");
        Map<String, Object> kustomization = yaml(overlay.resolve("kustomization.yaml"));
        Object variable = at(yaml(overlay.resolve("deployment.yaml")), "spec template spec containers 0 env 1");
        assertEquals(at(kustomization, "secretGenerator 1 name"), at(variable, "valueFrom secretKeyRef name"));
        Properties secret = properties(overlay.resolve((String) at(kustomization, "secretGenerator 1 envs 0")));
        String name = (String) at(variable, "name");
        assertEquals(name, at(variable, "valueFrom secretKeyRef key"));
        String message = assertThrows(InvalidSettingException.class,
                () -> SettingsReader.read(Path.of(""), Map.of(name, secret.getProperty(name)), "test")).getMessage();
        assertTrue(message.startsWith("mirror.secret=*** cannot work: a secret has at least 16 characters"), message);
    }

    /** Pushes are off; the lines that switch them on are sound once their # is taken away. */
    @Test
    void theOverlayWithAccessHasTheLinesThatSwitchPushesOn(@TempDir Path folder) throws Exception {
        Path overlay = Path.of("deploy/kubernetes-access");
        assertEquals(2, list(yaml(overlay.resolve("deployment.yaml")), "spec template spec containers 0 env").size());
        for (String file : List.of("deployment.yaml", "access.yaml", "users.htpasswd", "robots.yaml")) {
            Files.writeString(folder.resolve(file), Files.readString(overlay.resolve(file))
                    .replaceAll("(?m)^( *)# (- name: MIRROR_PUSH_REGISTRY|  value: |- \\{who: users, .*push)", "$1$2"));
        }
        Object variable = at(yaml(folder.resolve("deployment.yaml")), "spec template spec containers 0 env 2");
        Map<String, String> variables = Map.of((String) at(variable, "name"), (String) at(variable, "value"), "MIRROR_REGISTRY_COLD_URL", "http://cold:5000",
                "MIRROR_ACCESS_FILE", folder.resolve("access.yaml").toString(), "MIRROR_SECRET", "a secret of the tests");
        assertEquals("cold", SettingsReader.read(Path.of(""), variables, "test").push().registry());
        assertEquals(List.of("pull", "push"), list(yaml(folder.resolve("access.yaml")), "rules 0 may"));
        List<String> faults = new ArrayList<>();
        List<String> warnings = new ArrayList<>();
        Access.check(new AccessSettings(folder.resolve("access.yaml"), null, Duration.ofMinutes(5), null, Networks.NONE), faults, warnings);
        assertEquals(List.of(), faults);
        assertEquals(List.of(), warnings);
    }

    /** Returns what is added to the pod, once it is sure that it is added to the right one. */
    private Object patchedPod(Path overlay) throws IOException {
        Map<String, Object> patch = yaml(overlay.resolve("deployment.yaml"));
        assertEquals(at(objects.get("Deployment"), "metadata name"), at(patch, "metadata name"));
        assertEquals(container("name"), at(patch, "spec template spec containers 0 name"));
        return at(patch, "spec template spec");
    }

    private static Map<String, String> variables(Object pod) {
        Map<String, String> variables = new HashMap<>();
        for (Object variable : list(pod, "containers 0 env")) {
            variables.put((String) at(variable, "name"), (String) ((Map<?, ?>) variable).get("value"));
        }
        return variables;
    }

    @ParameterizedTest
    @ValueSource(strings = {"deploy/kubernetes-warming", "deploy/kubernetes-warming-postgresql"})
    void theOverlaysWithWarmingMountASoundListAsAFolder(Path overlay) throws IOException {
        assertEquals("../kubernetes-warming-list", list(yaml(overlay.resolve("kustomization.yaml")), "resources").get(1));
        Path shared = Path.of("deploy/kubernetes-warming-list");
        Map<String, Object> kustomization = yaml(shared.resolve("kustomization.yaml"));
        Object pod = patchedPod(overlay);
        assertEquals("hot", variables(pod).get("MIRROR_WARM_TO"));
        List<?> mounts = list(pod, "containers 0 volumeMounts");
        Object mount = mounts.get(mounts.size() - 1);
        List<?> volumes = list(pod, "volumes");
        Object volume = volumes.get(volumes.size() - 1);
        assertEquals("warm", at(mount, "name"));
        assertEquals("warm", at(volume, "name"));
        assertEquals(at(kustomization, "configMapGenerator 0 name"), at(volume, "configMap name"));
        assertEquals(true, at(kustomization, "configMapGenerator 0 options disableNameSuffixHash"), "edits reach the running mirror");
        assertEquals(null, ((Map<?, ?>) mount).get("subPath"), "a subPath is never changed over");
        assertEquals(at(mount, "mountPath") + "/" + at(kustomization, "configMapGenerator 0 files 0"), variables(pod).get("MIRROR_WARM_FILE"));
        String list = Files.readString(shared.resolve("warm.yaml"));
        for (String text : List.of(list, list.replace("images: []\n", "").replaceAll("(?m)^# (images|  )", "$1"))) {
            List<String> faults = new ArrayList<>();
            List<String> warnings = new ArrayList<>();
            WarmFile.check(Files.writeString(scratch.resolve("warm.yaml"), text), faults, warnings);
            assertEquals(List.of(), faults);
            assertEquals(text.contains("images: []"), !warnings.isEmpty(), "only the empty list is worth a warning");
        }
    }

    /** Two mirrors cannot share the file of the queue. */
    @Test
    void theOverlayWithWarmingRunsOneMirrorThatMayWriteToItsVolume() throws IOException {
        Path overlay = Path.of("deploy/kubernetes-warming");
        Map<String, Object> kustomization = yaml(overlay.resolve("kustomization.yaml"));
        assertEquals(List.of("../kubernetes", "../kubernetes-warming-list", "volume-claim.yaml"), list(kustomization, "resources"));
        Map<String, Object> patch = yaml(overlay.resolve("deployment.yaml"));
        assertEquals(1, at(patch, "spec replicas"));
        assertEquals("Recreate", at(patch, "spec strategy type"));
        assertEquals("replace", at(patch, "spec strategy $patch"), "rollingUpdate of the base does not stay");
        Map<String, Object> autoscaler = yaml(overlay.resolve((String) at(kustomization, "patches 1 path")));
        assertEquals(at(objects.get("HorizontalPodAutoscaler"), "metadata name"), at(autoscaler, "metadata name"));
        assertEquals(List.of(1, 1), List.of(at(autoscaler, "spec minReplicas"), at(autoscaler, "spec maxReplicas")));
        Object pod = patchedPod(overlay);
        assertEquals(pod("securityContext runAsGroup"), at(pod, "securityContext fsGroup"));
        assertEquals(at(yaml(overlay.resolve("volume-claim.yaml")), "metadata name"), at(pod, "volumes 0 persistentVolumeClaim claimName"));
        assertEquals(at(pod, "volumes 0 name"), at(pod, "containers 0 volumeMounts 0 name"));
        assertEquals(null, ((Map<?, ?>) at(pod, "containers 0 volumeMounts 0")).get("readOnly"));
        Properties defaults = properties(Path.of("application.properties"));
        Path file = Path.of("/app").resolve(defaults.getProperty("mirror.store.url").replace("jdbc:h2:file:", "")).normalize();
        assertEquals(file.getParent().toString(), at(pod, "containers 0 volumeMounts 0 mountPath"));
        assertTrue(dockerfile().contains("chown 10001:10001 data"), "a volume of docker belongs to the user, too");
    }

    @Test
    void theOverlayWithPostgresqlReachesItsDatabase() throws Exception {
        Path overlay = Path.of("deploy/kubernetes-warming-postgresql");
        Map<String, Object> kustomization = yaml(overlay.resolve("kustomization.yaml"));
        assertEquals(List.of("../kubernetes", "../kubernetes-warming-list", "network-policy.yaml"), list(kustomization, "resources"));
        Object pod = patchedPod(overlay);
        Properties account = properties(overlay.resolve((String) at(kustomization, "secretGenerator 0 envs 0")));
        Map<String, String> variables = new HashMap<>(variables(pod));
        for (int i = 3; i < 5; i++) {
            Object variable = at(pod, "containers 0 env " + i);
            assertEquals(at(kustomization, "secretGenerator 0 name"), at(variable, "valueFrom secretKeyRef name"));
            assertEquals(at(variable, "name"), at(variable, "valueFrom secretKeyRef key"));
            variables.put((String) at(variable, "name"), account.getProperty((String) at(variable, "name")));
        }
        assertEquals("", account.getProperty("MIRROR_STORE_PASSWORD"), "no password is published");
        variables.remove("MIRROR_WARM_FILE");
        StoreSettings store = SettingsReader.read(Path.of(""), variables, "test").warm().store();
        assertFalse(store.isEmbedded());
        assertEquals("mirror", store.username());
        Map<String, Object> policy = yaml(overlay.resolve("network-policy.yaml"));
        assertEquals(at(objects.get("NetworkPolicy"), "spec podSelector"), at(policy, "spec podSelector"));
        assertFalse(at(objects.get("NetworkPolicy"), "metadata name").equals(at(policy, "metadata name")), "it adds to the policy of the base");
        assertEquals(URI.create(store.url().substring("jdbc:".length())).getPort(), at(policy, "spec egress 0 ports 0 port"));
    }

    @Test
    void everyRouteIsInTheConfigMap() throws IOException {
        Map<String, Object> kustomization = yaml(ROUTES.resolve("kustomization.yaml"));
        try (Stream<Path> files = Files.list(ROUTES)) {
            assertEquals(files.map(file -> file.getFileName().toString()).filter(file -> file.endsWith(".camel.yaml")).sorted().toList(),
                    list(kustomization, "configMapGenerator 0 files"));
        }
        assertEquals(true, at(kustomization, "configMapGenerator 0 options disableNameSuffixHash"), "edits reach the running mirror");
        assertEquals(at(kustomization, "configMapGenerator 0 name"), pod("volumes 0 configMap name"));
        assertEquals("/app/routes", container("volumeMounts 0 mountPath"));
        assertEquals(null, ((Map<?, ?>) container("volumeMounts 0")).get("subPath"), "a subPath is never changed over");
    }

    @Test
    void theContainerHasNoRights() {
        assertEquals(true, container("securityContext readOnlyRootFilesystem"));
        assertEquals(false, container("securityContext allowPrivilegeEscalation"));
        assertEquals(List.of("ALL"), container("securityContext capabilities drop"));
        assertEquals(true, pod("securityContext runAsNonRoot"));
        assertEquals("RuntimeDefault", pod("securityContext seccompProfile type"));
        assertEquals(false, pod("automountServiceAccountToken"));
        assertEquals(at(objects.get("ServiceAccount"), "metadata name"), pod("serviceAccountName"));
        assertEquals(false, pod("enableServiceLinks"));
        List<Object> writable = new ArrayList<>();
        for (Object mount : (List<?>) container("volumeMounts")) {
            if (((Map<?, ?>) mount).get("readOnly") == null) {
                writable.add(at(mount, "mountPath"));
            }
        }
        assertEquals(List.of("/tmp"), writable);
    }

    @Test
    void agreesWithTheDockerfile() throws IOException {
        assertTrue(dockerfile().contains("USER " + pod("securityContext runAsUser") + ":" + pod("securityContext runAsGroup") + "\n"));
        assertTrue(dockerfile().contains("EXPOSE " + container("ports 0 containerPort") + " " + container("ports 1 containerPort") + "\n"));
        assertTrue(dockerfile().contains("WORKDIR /app\n"));
        assertEquals(container("image"), at(yaml(FOLDER.resolve("kustomization.yaml")), "images 0 name"));
    }

    @Test
    void agreesWithTheSettings() throws IOException {
        Properties defaults = properties(Path.of("application.properties"));
        assertEquals(defaults.getProperty("mirror.server.port"), container("ports 0 containerPort").toString());
        assertEquals(defaults.getProperty("mirror.management.port"), container("ports 1 containerPort").toString());
        int drain = Integer.parseInt(defaults.getProperty("mirror.server.shutdown-timeout").replace("s", ""));
        assertEquals((Integer) container("lifecycle preStop sleep seconds") + drain + 5, pod("terminationGracePeriodSeconds"));
        for (String name : properties(FOLDER.resolve("application.properties")).stringPropertyNames()) {
            assertTrue(defaults.containsKey(name), name);
        }
        for (String variable : properties(FOLDER.resolve("credentials.env")).stringPropertyNames()) {
            assertTrue(defaults.stringPropertyNames().stream().anyMatch(name -> variable.equals(name.toUpperCase().replaceAll("[.-]", "_"))), variable);
        }
        assertTrue(properties(FOLDER.resolve("credentials.env")).values().stream().allMatch(""::equals), "no account is published");
    }

    private static Properties properties(Path file) throws IOException {
        Properties all = new Properties();
        try (var in = Files.newBufferedReader(file)) {
            all.load(in);
        }
        return all;
    }

    @Test
    void probesAskWhatTheMirrorAnswers() {
        try (TestMirror mirror = TestMirror.start()) {
            for (String probe : List.of("startupProbe", "livenessProbe", "readinessProbe")) {
                assertEquals("management", container(probe + " httpGet port"), probe);
                assertEquals(200, mirror.management((String) container(probe + " httpGet path")).status(), probe);
            }
        }
        assertFalse(container("livenessProbe httpGet path").equals(container("readinessProbe httpGet path")));
    }

    @Test
    void everyoneMeansTheSamePods() {
        Object labels = at(objects.get("Deployment"), "spec template metadata labels");
        assertEquals(labels, at(objects.get("Deployment"), "spec selector matchLabels"));
        assertEquals(labels, at(objects.get("Service"), "spec selector"));
        assertEquals(labels, at(objects.get("PodDisruptionBudget"), "spec selector matchLabels"));
        assertEquals(labels, at(objects.get("NetworkPolicy"), "spec podSelector matchLabels"));
        assertEquals(labels, pod("topologySpreadConstraints 0 labelSelector matchLabels"));
        assertEquals(at(objects.get("Deployment"), "metadata name"), at(objects.get("HorizontalPodAutoscaler"), "spec scaleTargetRef name"));
        assertEquals(null, at(objects.get("Deployment"), "spec replicas"), "the number is the autoscaler's; each apply would set it back");
        assertEquals(2, at(objects.get("HorizontalPodAutoscaler"), "spec minReplicas"));
        for (int i = 0; i < 2; i++) {
            assertEquals(container("ports " + i + " name"), at(objects.get("Service"), "spec ports " + i + " targetPort"));
            assertEquals(container("ports " + i + " name"), at(objects.get("NetworkPolicy"), "spec ingress " + i + " ports 0 port"));
        }
    }
}
