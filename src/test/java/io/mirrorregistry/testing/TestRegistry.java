package io.mirrorregistry.testing;

import io.mirrorregistry.protocol.Digest;
import java.util.Comparator;
import java.util.List;

/**
 * A registry for tests: {@code var hot = TestRegistry.start("hot"); Image image = hot.image("library/app", "1.0");}.
 *
 * <p>It holds what the test puts in, answers as the OCI distribution spec says, and gets its habits and faults by
 * one-line settings that take effect at once, also while calls run.
 */
public final class TestRegistry extends RegistryContent {

    private volatile String prefix = "";
    private volatile Access access = Access.open();
    private volatile List<String> challenges;
    private volatile int missing = 404;
    private volatile int unauthorized = 401;
    private volatile boolean staticFiles;
    private volatile int silent;
    private volatile int silentToTokens;
    private volatile String challengeToTokens;
    private volatile String scopeElsewhere;
    /** What it answers instead of a list of referrers; null where it has that API. */
    private volatile Answer noReferrersApi;
    private volatile boolean filtersReferrers = true;
    private volatile boolean strictAccept;
    private volatile boolean absoluteLinks;
    private volatile int pageSize = Integer.MAX_VALUE;
    private volatile Comparator<String> tagOrder = Comparator.naturalOrder();
    private volatile boolean links = true;
    private volatile boolean heedsN = true;
    private volatile boolean heedsLast = true;
    private volatile BlobRedirect redirect;
    private volatile boolean redirectsHeads = true;
    private volatile boolean heedsRange = true;

    private TestRegistry(String salt, boolean tls) {
        super(salt, tls);
    }

    public static TestRegistry start() {
        return start("test");
    }

    /** Starts a registry whose images differ from those of registries with another name. */
    public static TestRegistry start(String name) {
        return new TestRegistry(name, false);
    }

    /** The same over TLS, with the certificate of {@link TestTls}. */
    public static TestRegistry startTls(String name) {
        return new TestRegistry(name, true);
    }

    // Habits

    /** Serves everything below a path: {@link #url()} ends with it. */
    public TestRegistry under(String path) {
        prefix = path;
        return this;
    }

    @Override
    public String url() {
        return super.url() + prefix;
    }

    public TestRegistry requireBasic(String user, String password) {
        access = Access.basic(user, password);
        return this;
    }

    public TestRegistry requireBearer(TokenService tokens) {
        access = Access.bearer(tokens);
        return this;
    }

    public TestRegistry requireNothing() {
        access = Access.open();
        return this;
    }

    /** Challenges literally so, one header line each; {@code {realm}}, {@code {service}}, {@code {scope}} are filled in. */
    public TestRegistry challenges(String... lines) {
        challenges = List.of(lines);
        return this;
    }

    /** Challenges at {@code /v2/} only: everything else answers this status to who may not have it, 401 without a challenge. */
    public TestRegistry challengesAtVersionOnly(int status) {
        silent = status;
        return this;
    }

    /** Answers a token that it does not accept with this status and no challenge. */
    public TestRegistry refusesTokensWith(int status) {
        silentToTokens = status;
        return this;
    }

    /** Answers a token that it does not accept with 401 and this challenge, as Harbor does. */
    public TestRegistry refusesTokensWithChallenge(String challenge) {
        challengeToTokens = challenge;
        return this;
    }

    /** Wants, and challenges for, this scope whatever repository is asked for. */
    public TestRegistry wantsScope(String scope) {
        scopeElsewhere = scope;
        return this;
    }

    /** Answers for what it has not got with 404, or with 401 (and a challenge) or 403 as ACR and Docker Hub do. */
    public TestRegistry missing(int status) {
        missing = status;
        return this;
    }

    /** Answers this to those whom it does not let in; with a challenge if it is 401. */
    public TestRegistry unauthorized(int status) {
        unauthorized = status;
        return this;
    }

    /** Answers as a static file server: nothing shows a registry, and errors have a text. */
    public TestRegistry staticFiles() {
        staticFiles = true;
        return this;
    }

    /** Answers 404 for referrers, as registries of OCI 1.0; they are under the tag {@code sha256-<hex>} instead. */
    public TestRegistry noReferrersApi() {
        return noReferrersApi(Answer.of(404, "text/plain; charset=utf-8", "404 page not found\n"));
    }

    /** Answers so for referrers; they are under the tag {@code sha256-<hex>} instead. */
    public TestRegistry noReferrersApi(Answer instead) {
        noReferrersApi = instead;
        return this;
    }

    /** Answers all referrers, whatever artifactType is asked for, and does not claim otherwise. */
    public TestRegistry ignoreArtifactType() {
        filtersReferrers = false;
        return this;
    }

    /** Has a manifest only for those whose Accept names its type. */
    public TestRegistry strictAccept() {
        strictAccept = true;
        return this;
    }

    /** Caps the pages of tags and referrers, whatever the client asks for. */
    public TestRegistry pageSize(int most) {
        pageSize = most;
        return this;
    }

    /** Lists tags in this order; {@code last} begins after the last one that is not greater by it. */
    public TestRegistry tagOrder(Comparator<String> order) {
        tagOrder = order;
        return this;
    }

    /** Cuts its lists without telling so by Link. */
    public TestRegistry noLinks() {
        links = false;
        return this;
    }

    /** Lists all tags at once, whatever {@code n} says. */
    public TestRegistry ignoreN() {
        heedsN = false;
        return this;
    }

    /** Begins each list of tags at its beginning, whatever {@code last} says; its Links have a token instead. */
    public TestRegistry ignoreLast() {
        heedsLast = false;
        return this;
    }

    /** Writes whole addresses into Link, rather than paths. */
    public TestRegistry absoluteLinks() {
        absoluteLinks = true;
        return this;
    }

    /** Answers blobs with a 307 to the storage's address. */
    public TestRegistry redirectBlobsTo(TestStorage storage) {
        return redirectBlobsTo(storage, 307, "{url}");
    }

    /**
     * Answers blobs with a redirect.
     *
     * @param location {@code {url}} is filled in with the signed address at the storage, {@code {path}} with its path
     *                 and query; the registry serves that path itself too, for relative locations
     */
    public TestRegistry redirectBlobsTo(TestStorage storage, int status, String location) {
        redirect = new BlobRedirect(storage, status, location);
        return this;
    }

    /** Answers with the whole blob, whatever Range is asked for. */
    public TestRegistry ignoreRange() {
        heedsRange = false;
        return this;
    }

    /** Answers with the part of a blob that is asked for, as at the start. */
    public TestRegistry heedRange() {
        heedsRange = true;
        return this;
    }

    /** Serves blobs itself, as at the start. */
    public TestRegistry serveBlobs() {
        redirect = null;
        redirectsHeads = true;
        return this;
    }

    /** Answers HEAD of a blob itself, where GET is redirected. */
    public TestRegistry answerBlobHeads() {
        redirectsHeads = false;
        return this;
    }

    // Answers

    @Override
    Answer answer(Call call) {
        if (redirect != null && TestStorage.owns(call.path())) {
            return redirect.storage().answer(call);
        }
        Answer answer = answerV2(call);
        if (staticFiles) {
            return answer.status() < 400 ? answer : Answer.of(answer.status(), "text/plain", "Not Found");
        }
        return answer.with("Docker-Distribution-Api-Version", "registry/2.0");
    }

    private Answer answerV2(Call call) {
        if (!call.path().startsWith(prefix + "/v2/") || call.kind() == Kind.OTHER) {
            return Answer.error(404, "NOT_FOUND");
        }
        String scope = call.name() == null ? null : scopeElsewhere != null ? scopeElsewhere : "repository:" + call.name() + ":pull";
        if (!access.allows(call, scope)) {
            boolean token = String.valueOf(call.header("Authorization")).startsWith("Bearer");
            if (token && challengeToTokens != null) {
                return Answer.error(401, "UNAUTHORIZED").with("WWW-Authenticate", challengeToTokens);
            }
            int status = token && silentToTokens > 0 ? silentToTokens : call.kind() == Kind.PING ? 0 : silent;
            return status == 0 ? unauthorized(scope) : Answer.error(status, "UNKNOWN");
        }
        if (!call.method().equals("GET") && !call.isHead()) {
            return Answer.error(405, "UNSUPPORTED");
        }
        if (call.kind() == Kind.PING) {
            return Answer.of(200, "application/json", "{}");
        }
        Repository repository = find(call.name());
        if (repository == null) {
            return missing(scope, "NAME_UNKNOWN");
        }
        return switch (call.kind()) {
            case MANIFEST -> manifest(call, repository, scope);
            case BLOB -> blob(call, repository, scope);
            case TAGS -> listing().tags(call, repository);
            default -> noReferrersApi == null ? listing().referrers(call, repository) : noReferrersApi;
        };
    }

    private Answer unauthorized(String scope) {
        if (unauthorized != 401) {
            return Answer.error(unauthorized, "DENIED");
        }
        return challenge(scope);
    }

    private Answer challenge(String scope) {
        Answer answer = Answer.error(401, "UNAUTHORIZED");
        for (String line : (challenges == null ? access : access.challenging(challenges)).challenges(scope)) {
            answer = answer.and("WWW-Authenticate", line);
        }
        return answer;
    }

    private Answer missing(String scope, String code) {
        return switch (missing) {
            case 401 -> challenge(scope);
            case 403 -> Answer.error(403, "DENIED");
            default -> Answer.error(missing, code);
        };
    }

    private Listing listing() {
        return new Listing(pageSize, absoluteLinks ? super.url() : "", filtersReferrers, tagOrder, links, heedsN, heedsLast);
    }

    private Answer manifest(Call call, Repository repository, String scope) {
        Repository.Manifest manifest = noReferrersApi == null ? repository.manifest(call.reference())
                : repository.manifestOrReferrers(call.reference());
        if (manifest == null || strictAccept && !String.join(",", call.headers("Accept")).contains(manifest.mediaType())) {
            return missing(scope, "MANIFEST_UNKNOWN");
        }
        return Answer.of(200, manifest.mediaType(), Body.of(manifest.bytes()))
                .with("Docker-Content-Digest", Digest.isValid(call.reference()) ? call.reference()
                        : Digest.ofSha256(manifest.bytes()).value());
    }

    private Answer blob(Call call, Repository repository, String scope) {
        Body body = repository.blob(call.reference());
        if (body == null) {
            return missing(scope, "BLOB_UNKNOWN");
        }
        if (redirect != null && (redirectsHeads || !call.isHead())) {
            return redirect.answer(call, body);
        }
        return (heedsRange ? Answer.ofRange(call, "application/octet-stream", body) : Answer.of(200, "application/octet-stream", body)).with("Docker-Content-Digest", call.reference());
    }
}
