package io.mirrorregistry.push;

import io.mirrorregistry.cache.CacheStep;
import io.mirrorregistry.config.PushSettings;
import io.mirrorregistry.config.Settings;
import io.mirrorregistry.plan.Plan;
import io.mirrorregistry.protocol.ApiPath;
import io.mirrorregistry.protocol.Digest;
import io.mirrorregistry.protocol.ErrorCode;
import io.mirrorregistry.protocol.MediaTypes;
import io.mirrorregistry.protocol.ProtocolException;
import io.mirrorregistry.protocol.PushRequest;
import io.mirrorregistry.protocol.Reference;
import io.mirrorregistry.protocol.RepositoryName;
import io.mirrorregistry.protocol.Tag;
import io.mirrorregistry.pull.PlanStep;
import io.mirrorregistry.pull.Pull;
import io.mirrorregistry.registry.PushBodyException;
import io.mirrorregistry.registry.PushResponse;
import io.mirrorregistry.registry.Registry;
import io.mirrorregistry.registry.RegistryAnswers;
import io.mirrorregistry.registry.RegistryTroubleException;
import io.mirrorregistry.registry.Step;
import io.mirrorregistry.registry.folder.ImageLayout;
import io.mirrorregistry.work.Place;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.TimeoutException;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;
import org.apache.camel.Exchange;
import org.apache.camel.Message;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The step {@code push} of routes: sends what a client pushes to one registry, and makes that registry's response the client's. */
public final class PushStep implements AutoCloseable {

    private static final Logger AUDIT = LoggerFactory.getLogger("audit");
    private static final String KEPT_TAGS = "mirror.push.kept-tags";
    private static final String SOURCES = "mirror.push.sources";
    private static final String RETRY_AFTER = "Retry-After";

    /** Null where nobody may push. */
    private final PushSettings settings;
    private final Map<String, Registry> registries;
    private final PlanStep plan;
    private final CacheStep cache;
    private final BlobPush blobs;
    private final ManifestPush manifests;
    private final PushThreads threads;

    /**
     * @param all with those of pushing, if anybody may push
     * @param registries all that settings define, by name
     * @param folders the registries among them that are folders
     * @param sessions seals where uploads go on; null where nobody may push
     * @param cache forgets what a push has changed
     * @param threadNames the beginning of the names of its threads
     */
    public PushStep(Settings all, Map<String, Registry> registries, Map<String, ImageLayout> folders, UploadSessions sessions, PlanStep plan, CacheStep cache,
            String threadNames) {
        this.settings = all.push();
        this.registries = Map.copyOf(registries);
        this.plan = plan;
        this.cache = cache;
        this.blobs = new BlobPush(sessions);
        this.manifests = new ManifestPush(new MissingBlobs(settings == null ? 0 : settings.complete(), this.registries, Map.copyOf(folders)));
        this.threads = new PushThreads(settings == null ? 0 : settings.uploads(), all.server().queueTime(), threadNames);
    }

    /** Returns how many uploads run. */
    public int running() {
        return threads.running();
    }

    /**
     * Remembers the registries of the plan: they may have blobs that the target of the push lacks. None of them is the target, unless a later step says so.
     */
    @Step(needs = "plan")
    public void sources(Exchange exchange) {
        Pull pull = Pull.of(exchange);
        exchange.setProperty(SOURCES, pull.plan().targets());
        pull.planPush();
    }

    /**
     * Sets the registry of {@code mirror.push.registry} as the one that takes the push.
     *
     * @throws ProtocolException DENIED if other registries serve the namespace of the image
     */
    @Step(needs = "request", sets = {"plan", "next"})
    public void target(Exchange exchange) throws RegistryTroubleException, ProtocolException {
        plan.ask(settings.registry(), exchange);
    }

    /**
     * Keeps tags from being overwritten or deleted: if the target has such a tag for another manifest, the push is refused with 403. The same manifest again
     * is no fault.
     *
     * @param pattern a regular expression for the whole tag. In a route it stands in quotes, and has no such quotes in it, no white space, no {@code ~>} and
     *     none of {@code \n \r \t \}}: Camel reads these as its own. Parentheses, commas and other backslashes arrive as they stand
     * @throws IllegalArgumentException for what is no regular expression
     */
    @Step(needs = "request", fails = ProtocolException.class)
    public void keepTags(String pattern, Exchange exchange) throws ProtocolException {
        PushRequest push = Pull.of(exchange).push();
        Pattern kept;
        try {
            kept = Pattern.compile(pattern);
        } catch (PatternSyntaxException e) {
            throw new IllegalArgumentException("push.keepTags: " + e.getMessage().replace('\n', ' '), e);
        }
        if (push == null || push.path().kind() != ApiPath.Kind.MANIFEST || push.method() == PushRequest.Method.HEAD) {
            return;
        }
        List<Tag> tags = push.allTags().stream().filter(tag -> kept.matcher(tag.value()).matches()).toList();
        if (!tags.isEmpty() && push.method() == PushRequest.Method.DELETE) {
            throw new ProtocolException(ErrorCode.DENIED, "The tag " + tags.get(0) + " may not be deleted.", tags.get(0).value());
        }
        List<Tag> all = new ArrayList<>(keptTags(exchange));
        all.addAll(tags);
        exchange.setProperty(KEPT_TAGS, all.stream().distinct().toList());
    }

    @SuppressWarnings("unchecked")
    private static List<Tag> keptTags(Exchange exchange) {
        return exchange.getProperty(KEPT_TAGS, List.of(), List.class);
    }

    @SuppressWarnings("unchecked")
    private static List<Plan.Target> sourcesOf(Exchange exchange) {
        return exchange.getProperty(SOURCES, List.of(), List.class);
    }

    /**
     * Sends the request to its target and makes the response the answer: an upload that has begun goes on where it began, anything else goes to the first
     * registry of the plan. Runs on threads of its own. The question of a pusher that became a pull is left to later steps, which read the variable asked.
     *
     * @return what completes when the answer is there
     * @throws ProtocolException UNAVAILABLE when too many uploads run; DENIED when the target takes no pushes
     */
    @Step(needs = "request or plan", sets = "answer", fails = {ProtocolException.class, RegistryTroubleException.class})
    public CompletionStage<Void> send(Exchange exchange) throws ProtocolException, RegistryTroubleException {
        Pull pull = Pull.of(exchange);
        PushRequest push = pull.push();
        if (push == null && exchange.getProperty(SOURCES) != null) {
            exchange.setVariable("asked", pull.request().path().kind().asked());
            return CompletableFuture.completedFuture(null);
        }
        if (push == null) {
            throw new IllegalStateException("the step push.send is for requests of a push; a pull came here");
        }
        UploadSession session = pull.upload() instanceof UploadSession begun ? begun : null;
        Target target = session != null ? target(pull, session.registry(), session.there()) : planned(exchange);
        CompletionStage<Void> sent;
        if (push.isStreamed()) {
            Place place = threads.tryUpload();
            if (place == null) {
                pull.response().putHeader(RETRY_AFTER, "5");
                throw new ProtocolException(ErrorCode.UNAVAILABLE, "The mirror takes as many uploads at a time as it may (mirror.push.uploads); try again.", null);
            }
            sent = threads.run(place, () -> send(exchange, target, session));
        } else {
            boolean commits = push.path().kind() == ApiPath.Kind.UPLOAD && push.method() == PushRequest.Method.PUT;
            sent = threads.run(commits, pull.answerTime().began(), () -> send(exchange, target, session));
        }
        // The failure itself is what routes handle; a stage of this one would wrap it.
        CompletableFuture<Void> done = new CompletableFuture<>();
        sent.whenComplete((nothing, failure) -> {
            Throwable cause = failure instanceof CompletionException && failure.getCause() != null ? failure.getCause() : failure;
            if (cause == null) {
                done.complete(null);
            } else {
                done.completeExceptionally(cause instanceof TimeoutException ? late(pull)
                        : cause instanceof PushBodyException ? invalid(push, cause.getMessage()) : cause);
            }
        });
        return done;
    }

    private static ProtocolException invalid(PushRequest push, String message) {
        boolean manifest = push.path().kind() == ApiPath.Kind.MANIFEST;
        return new ProtocolException(manifest ? ErrorCode.MANIFEST_INVALID : ErrorCode.BLOB_UPLOAD_INVALID, message, null);
    }

    private static ProtocolException late(Pull pull) {
        pull.response().putHeader(RETRY_AFTER, "5");
        return new ProtocolException(ErrorCode.UNAVAILABLE, "More pushes wait than the mirror can work on in time; try again.", null);
    }

    private Target planned(Exchange exchange) throws ProtocolException, RegistryTroubleException {
        Pull pull = Pull.of(exchange);
        if (exchange.getProperty(SOURCES) == null) {
            throw new IllegalStateException("the step push.sources has not run: the registries of the plan are those of pulls");
        }
        List<Plan.Target> targets = pull.plan().targets();
        Plan.Target first = targets.isEmpty() ? null : targets.get(0);
        if (first == null) {
            throw new IllegalStateException("the route push-target has set no registry");
        }
        if (first.name() == null) {
            throw new ProtocolException(ErrorCode.NAME_INVALID, "No repository of the registry that takes pushes can have this name with its prefix.",
                    pull.push().path().repository().value());
        }
        return target(pull, first.registry(), first.name());
    }

    private Target target(Pull pull, String registry, RepositoryName name) throws ProtocolException, RegistryTroubleException {
        Registry found = registries.get(registry);
        if (found == null) {
            // It began before the settings changed.
            throw UploadSessions.unknown();
        }
        if (found.client() == null) {
            throw new ProtocolException(ErrorCode.DENIED, "The registry of this repository is a folder of images, which takes no pushes.", registry);
        }
        pull.registry(found);
        if (!found.isTried()) {
            throw new RegistryTroubleException(registry, pull.push().path() + " was not sent: it has failed too often", RegistryTroubleException.Kind.NOT_ASKED, null);
        }
        return new Target(found, name, found.client(), pull.requestId(), pull.passed(), settings.commitTimeout());
    }

    /** Runs on a thread of pushes. */
    private Void send(Exchange exchange, Target target, UploadSession session) throws ProtocolException, RegistryTroubleException, PushBodyException {
        Pull pull = Pull.of(exchange);
        PushRequest push = pull.push();
        ApiPath.Kind kind = push.path().kind();
        if (push.method() == PushRequest.Method.HEAD) {
            head(exchange, target);
        } else if (push.method() == PushRequest.Method.DELETE && kind != ApiPath.Kind.UPLOAD) {
            delete(exchange, target);
        } else if (kind == ApiPath.Kind.MANIFEST) {
            Digest digest = manifests.put(exchange, target, keptTags(exchange), sourcesOf(exchange));
            if (digest != null) {
                List<Reference> pushed = new ArrayList<>(push.tags());
                pushed.add(push.path().reference());
                pushed.add(digest);
                cache.forget(target.planned(), pushed, false);
                audit(pull, target, "pushed", digest.value());
            }
        } else {
            Digest digest = session == null ? blobs.begin(exchange, target, mountFrom(pull, target)) : blobs.goOn(exchange, target, session);
            if (digest != null) {
                cache.forget(target.planned(), List.of(digest), false);
            }
        }
        pull.servedBy(target.registry().name());
        return null;
    }

    /** Returns the name at the target of the repository that a blob is mounted from; null if it is not mounted. */
    private RepositoryName mountFrom(Pull pull, Target target) {
        RepositoryName from = pull.push().from();
        if (pull.push().mount() == null || from == null) {
            return null;
        }
        // Where routes give the repository another name, nobody knows theirs for the other one.
        RepositoryName usual = plan.nameThere(pull, pull.push().path().repository(), target.registry());
        return target.name().equals(usual) ? plan.nameThere(pull, from, target.registry()) : null;
    }

    private static void head(Exchange exchange, Target target) throws ProtocolException, RegistryTroubleException, PushBodyException {
        Pull pull = Pull.of(exchange);
        ApiPath path = pull.push().path();
        boolean manifest = path.kind() == ApiPath.Kind.MANIFEST;
        String accept = !manifest ? null : pull.request().accept() == null ? MediaTypes.ANY_MANIFEST : pull.request().accept();
        PushResponse response = target.head(new ApiPath(path.kind(), target.name(), path.reference()), accept);
        if (response.status() == 404) {
            throw new ProtocolException(manifest ? ErrorCode.MANIFEST_UNKNOWN : ErrorCode.BLOB_UNKNOWN, "The registry that takes pushes has not got it.",
                    path.reference().value());
        }
        if (!response.isSuccess()) {
            PushAnswers.refused(exchange, response);
            return;
        }
        Message message = PushAnswers.begin(exchange, 200);
        String digest = response.header("docker-content-digest");
        message.setHeader(PushAnswers.DIGEST, path.reference() instanceof Digest asked ? asked.value() : digest != null && Digest.isValid(digest) ? digest : null);
        long length = RegistryAnswers.digits(response.header("content-length"));
        if (length >= 0) {
            message.setHeader(Exchange.CONTENT_LENGTH, length);
        }
        String type = response.header("content-type");
        if (manifest && type != null && RegistryAnswers.isPrintable(type)) {
            message.setHeader(Exchange.CONTENT_TYPE, type);
        }
    }

    private void delete(Exchange exchange, Target target) throws RegistryTroubleException, PushBodyException {
        Pull pull = Pull.of(exchange);
        ApiPath path = pull.push().path();
        PushResponse response = target.delete(new ApiPath(path.kind(), target.name(), path.reference()));
        if (response.isSuccess() || response.status() == 404) {
            // Another mirror may have deleted it, and this one remember it still.
            cache.forget(target.planned(), List.of(path.reference()), true);
        }
        if (!response.isSuccess()) {
            PushAnswers.refused(exchange, response);
            return;
        }
        PushAnswers.begin(exchange, 202);
        audit(pull, target, "deleted", path.reference() instanceof Tag ? null : path.reference().value());
    }

    private static void audit(Pull pull, Target target, String what, String digest) {
        ApiPath path = pull.push().path();
        AUDIT.atInfo().addKeyValue("user", pull.user()).addKeyValue("remote", pull.clientAddress()).addKeyValue("repository", path.repository().value())
                .addKeyValue("reference", path.reference().value()).addKeyValue("digest", digest).addKeyValue("registry", target.registry().name())
                .addKeyValue("request_id", pull.requestId()).log(what + " " + path);
    }

    /** Ends the threads once they are idle. */
    @Override
    public void close() {
        threads.close();
    }
}
