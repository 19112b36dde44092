package soak;

import static soak.Output.now;
import static soak.Output.time;

import java.io.EOFException;
import java.net.SocketTimeoutException;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/** Knows what may be answered, by what was the matter with the registries at the time. */
final class Judge {

    private static final Pattern TAGS = Pattern.compile("\"tags\":\\[([^\\]]*)\\]");

    private final Registry hot;
    private final Registry cold;
    private final long cache;
    private final Catalog catalog;
    private final Tally tally;
    private final Misses misses;

    /** @param cache how long the mirror may go by what it remembers of a tag or a miss, in ms */
    Judge(Map<String, Registry> registries, Catalog catalog, long cache, Tally tally) {
        this.hot = registries.get("hot");
        this.cold = registries.get("cold");
        this.catalog = catalog;
        this.cache = cache;
        this.tally = tally;
        this.misses = new Misses(cache);
    }

    Registry hot() {
        return hot;
    }

    /** Returns the registry that takes pushes. */
    Registry cold() {
        return cold;
    }

    /** Judges an answer of the mirror. */
    void mirror(Ask ask, Reply reply) {
        boolean coldUp = calm(cold, reply);
        boolean quiet = calm(hot, reply) && coldUp;
        boolean hotAway = hot.away(reply.start - cache, reply.end);
        tally.answer(reply, quiet, coldUp && !hot.calm(reply.start, reply.end));
        String wrong = wrong(ask, reply, quiet);
        if (wrong != null) {
            tally.wrong(explain(ask, reply, wrong));
        } else if (reply.broken != null) {
            tally.cut.increment();
        } else if (reply.status() >= 429) {
            (ask.accepted().isEmpty() ? tally.honestMissing : tally.honest).increment();
        } else if (hotAway && coldUp && reply.status() < 300 && !ask.accepted().isEmpty() && ask.kind() != Kind.TAGS
                && ask.kind() != Kind.REFERRERS) {
            (ask.kind() == Kind.BLOB ? tally.coldBlobs : tally.coldManifests).increment();
        }
    }

    /** Whether the registry was without trouble for long enough before a request, and until its end. */
    private static boolean calm(Registry registry, Reply reply) {
        return registry.calm(reply.start - Registry.RECOVERY, reply.end);
    }

    /** Returns what is wrong with an answer, or null. */
    private String wrong(Ask ask, Reply reply, boolean quiet) {
        if (reply.broken != null) {
            return wrongEnd(ask, reply);
        }
        int status = reply.status();
        if (ask.kind() == Kind.OWN && ask.target().equals("/v2/")) {
            // Pushing needs access control, and clients decide by this answer whether they ever log in.
            return status == 401 && reply.header("WWW-Authenticate") != null ? null : "not 401";
        } else if (status == 503 || status == 429) {
            return wrongRefusal(ask, reply, quiet);
        } else if (status == 404) {
            return wrongMiss(ask, reply);
        } else if (status == 200 || status == 206 || status == 307) {
            String unwarned = unwarned(ask, reply);
            return unwarned != null ? unwarned : switch (ask.kind()) {
                case MANIFEST -> wrongManifest(ask, reply);
                case BLOB -> wrongBlob(ask, reply);
                case TAGS -> wrongTags(ask, reply, quiet);
                case REFERRERS -> wrongReferrers(reply, quiet);
                case MISSING -> "what nobody has was answered";
                case OWN -> status == 200 ? null : "not 200";
                case PUSH -> "a push is judged elsewhere";
            };
        }
        return "not an answer there is for this";
    }

    /** Only a stream may break off, and only with its registry. */
    private String wrongEnd(Ask ask, Reply reply) {
        if (reply.broken instanceof SocketTimeoutException) {
            return "silence for " + Connection.LONGEST_SILENCE / 1000 + " s";
        } else if (!(reply.broken instanceof EOFException)) {
            return "broken: " + reply.broken;
        } else if (ask.kind() != Kind.BLOB || ask.head() || !ask.accepted().containsKey(cold)) {
            return "cut, and it is none that is streamed: " + reply.broken.getMessage();
        } else if (reply.head == null) {
            return "cut without an answer";
        } else if (reply.bytes > 0 && reply.matching.isEmpty()) {
            return "wrong bytes, then cut";
        }
        return cold.calm(reply.start - 100, reply.end) ? "cut, and cold was up: " + reply.broken.getMessage() : null;
    }

    private String wrongRefusal(Ask ask, Reply reply, boolean quiet) {
        if (reply.status() == 503 && reply.header("Retry-After") == null) {
            return "no Retry-After";
        } else if (!ask.head() && !reply.text.toString().contains(reply.status() == 503 ? "\"UNAVAILABLE\"" : "\"TOOMANYREQUESTS\"")) {
            return "not the error body for this status";
        } else if (reply.status() == 429
                && Stream.of(hot, cold).noneMatch(it -> it.had(Fault.THROTTLED, reply.start - Registry.RECOVERY, reply.end))) {
            return "429, and no registry said so";
        } else if (quiet) {
            return "both registries were up";
        }
        if (ask.kind() == Kind.REFERRERS) {
            // Nobody has any here, and a registry that cannot tell is no source of an empty list.
            return null;
        }
        return ask.accepted().keySet().stream().filter(holder -> calm(holder, reply)).findFirst()
                .map(holder -> holder + " has it and was up").orElse(ask.kind() == Kind.OWN ? "needs no registry" : null);
    }

    private String wrongMiss(Ask ask, Reply reply) {
        if (ask.kind() != Kind.MISSING) {
            return "it exists";
        } else if (!ask.head() && !reply.text.toString().contains("_UNKNOWN\"")) {
            return "not the error body for this status";
        }
        // A miss may be remembered; but not for longer than that after the last registry has responded.
        long asked = misses.firstAsked(ask, reply);
        return Stream.of(hot, cold).filter(it -> it.away(asked, reply.end)).findFirst()
                .map(it -> "told as missing, and nobody could ask " + it).orElse(null);
    }

    private String wrongManifest(Ask ask, Reply reply) {
        if (reply.status() != 200) {
            return "not 200";
        }
        Item item = ask.accepted().values().stream().filter(it -> it.digest.equals(reply.header("Docker-Content-Digest"))).findFirst()
                .orElse(null);
        if (item == null) {
            return "another digest";
        } else if (!item.type.equals(reply.header("Content-Type"))) {
            return "another type than " + item.type;
        } else if (!String.valueOf(item.size()).equals(reply.header("Content-Length"))) {
            return "another length than " + item.size();
        } else if (!ask.head() && (reply.bytes != item.size() || !reply.matching.contains(item))) {
            return "wrong bytes";
        }
        Item hots = ask.accepted().get(hot);
        boolean mustBeHots = hots != null && hot.calm(reply.start - Registry.RECOVERY - cache, reply.end)
                && !hot.wasSlow(reply.start - cache, reply.end);
        return mustBeHots && item != hots ? "cold's, although hot has it and was up" : null;
    }

    private String wrongBlob(Ask ask, Reply reply) {
        Item item = ask.accepted().values().iterator().next();
        boolean mustBeHots = ask.accepted().containsKey(hot) && calm(hot, reply) && !hot.wasSlow(reply.start, reply.end);
        if (reply.status() == 307) {
            return ask.head() ? "a redirect of a HEAD" : !ask.accepted().containsKey(hot) ? "a redirect to who has it not" : null;
        } else if (mustBeHots && !ask.head()) {
            return "streamed, although hot has it and was up";
        } else if (!item.digest.equals(reply.header("Docker-Content-Digest"))) {
            return "another digest";
        }
        return wrongContent(ask, reply, item);
    }

    private static String wrongContent(Ask ask, Reply reply, Item item) {
        long size = ask.part() == null ? item.size() : ask.part()[1] - ask.part()[0];
        if (!ask.head() && reply.bytes < size) {
            return "ended well with " + reply.bytes + " of " + size + " bytes";
        }
        if (reply.status() != (ask.part() == null ? 200 : 206)) {
            return "not the status for this";
        } else if (!String.valueOf(size).equals(reply.header("Content-Length"))) {
            return "another length than " + size;
        } else if (ask.part() != null
                && !("bytes " + ask.part()[0] + "-" + (ask.part()[1] - 1) + "/" + item.size()).equals(reply.header("Content-Range"))) {
            return "another range than asked for";
        }
        return ask.head() || reply.bytes == size && reply.matching.contains(item) ? null : "wrong bytes";
    }

    private String wrongTags(Ask ask, Reply reply, boolean quiet) {
        Matcher matcher = TAGS.matcher(reply.text.toString());
        if (!matcher.find()) {
            return "no list of tags";
        }
        List<String> tags = Stream.of(matcher.group(1).split(",")).map(tag -> tag.replace("\"", ""))
                .filter(tag -> !tag.isEmpty()).toList();
        boolean warned = reply.header("Warning") != null;
        if (warned && quiet) {
            return "a Warning, and both registries were up";
        }
        // Without a warning it is the whole list; with one it may lack what is only at registries in trouble.
        Set<String> most = new TreeSet<>();
        Set<String> least = new TreeSet<>();
        catalog.tagsOf(ask.repository()).forEach((tag, holders) -> {
            most.add(tag);
            if (!warned || holders.stream().anyMatch(holder -> calm(holder, reply))) {
                least.add(tag);
            }
        });
        int query = ask.target().indexOf('?');
        if (query < 0) {
            return tags.containsAll(least) && most.containsAll(tags) ? null
                    : "there are " + most + (warned ? ", and at least " + least + " should be told" : "");
        }
        int last = ask.target().indexOf("last=");
        List<String> page = most.stream()
                .filter(tag -> last < 0 || tag.compareTo(ask.target().substring(last + 5)) > 0).limit(1).toList();
        return warned || tags.equals(page) ? null : "the page is " + page;
    }

    private static String wrongReferrers(Reply reply, boolean quiet) {
        if (reply.status() != 200 || !reply.text.toString().contains("\"manifests\":[]")) {
            return "not an empty list";
        }
        return quiet && reply.header("Warning") != null ? "a Warning, and both registries were up" : null;
    }

    /** A list to which a registry cannot have added must say so. */
    private String unwarned(Ask ask, Reply reply) {
        boolean list = ask.kind() == Kind.TAGS || ask.kind() == Kind.REFERRERS;
        if (!list || reply.header("Warning") != null) {
            return null;
        }
        return Stream.of(hot, cold).filter(it -> it.away(reply.start - cache, reply.end)).findFirst()
                .map(it -> "no Warning, and nobody could ask " + it).orElse(null);
    }

    /** Judges where a redirect leads to. */
    boolean location(Ask ask, Reply reply) {
        String right = "http://127.0.0.1:" + hot.proxy.address.getPort() + ask.target();
        if (right.equals(reply.header("Location"))) {
            return true;
        }
        tally.wrong(explain(ask, reply, "the location should be " + right));
        return false;
    }

    /**
     * Judges an answer to a request of a push. Returns whether it is the success that the push goes on with.
     *
     * @param success the only status of success
     * @param begun when the upload began to which the request belongs
     */
    boolean pushed(Ask ask, Reply reply, int success, long begun) {
        boolean calm = cold.calm(reply.start - Registry.RECOVERY, reply.end);
        String wrong = null;
        if (reply.broken instanceof SocketTimeoutException) {
            wrong = "silence for " + Connection.LONGEST_SILENCE / 1000 + " s";
        } else if (reply.broken != null) {
            wrong = calm ? "cut, and cold was up: " + reply.broken.getMessage() : null;
        } else if (reply.status() == success) {
            wrong = wrongSuccess(ask, reply);
            if (wrong == null) {
                tally.pushRequests.increment();
                return true;
            }
        } else if (reply.status() == 503 || reply.status() == 429) {
            wrong = wrongRefusal(ask, reply, false);
        } else if (!isLostUpload(ask, reply) || cold.calm(begun - Registry.RECOVERY, reply.end)) {
            wrong = "not an answer there is for this";
        }
        tally.pushRequests.increment();
        if (wrong != null) {
            tally.wrong(explain(ask, reply, wrong));
        } else {
            tally.pushFailures.increment();
        }
        return false;
    }

    private String wrongSuccess(Ask ask, Reply reply) {
        String digest = ask.accepted().get(cold).digest;
        if (reply.header("Location") == null) {
            return "no Location";
        }
        return reply.status() == 201 && !digest.equals(reply.header("Docker-Content-Digest")) ? "another digest than " + digest : null;
    }

    /** A registry that was killed may have lost an upload; nothing else is excused by that. */
    private static boolean isLostUpload(Ask ask, Reply reply) {
        return ask.target().contains("/blobs/uploads/") && List.of(400, 404, 416).contains(reply.status())
                && reply.text.toString().contains("\"BLOB_UPLOAD_");
    }

    /**
     * Judges what a tag means that is pushed again and again.
     *
     * @param possible the digests that the tag may have had since the request was made
     */
    void moving(Ask ask, Reply reply, Collection<String> possible) {
        if (reply.broken != null || reply.status() != 200) {
            mirror(ask, reply);
            return;
        }
        tally.answer(reply, false, false);
        String digest = reply.header("Docker-Content-Digest");
        String wrong = !possible.contains(digest) ? "a digest that the tag has no more: " + digest + ", it may be " + possible
                : !digest.equals("sha256:" + Item.sha256(reply.text.toByteArray())) ? "wrong bytes" : null;
        if (wrong != null) {
            tally.wrong(explain(ask, reply, wrong));
        }
    }

    /** Judges what the client got where it had been sent. */
    void followed(Ask ask, Reply reply) {
        tally.followed.increment();
        String wrong;
        if (reply.broken == null && (reply.status() == 200 || reply.status() == 206)) {
            wrong = wrongContent(ask, reply, ask.accepted().get(hot));
        } else {
            wrong = hot.calm(reply.start - 100, reply.end) ? "hot was up" : null;
            if (wrong == null) {
                tally.brokenAtHot.increment();
            }
        }
        if (wrong != null) {
            tally.wrong(explain(ask, reply, "after the redirect to hot: " + wrong));
        }
    }

    /** Judges what came before the client left. */
    void left(Ask ask, Reply reply) {
        if (reply.left) {
            (reply.head == null ? tally.leftBefore : tally.leftAmid).increment();
            if (reply.bytes > 0 && reply.matching.isEmpty()) {
                tally.wrong(explain(ask, reply, "wrong bytes before the client left"));
            }
        } else {
            mirror(ask, reply);
        }
    }

    /** The soak itself has failed. */
    void broken(Exception e) {
        e.printStackTrace(System.out);
        tally.wrong(new Wrong("the soak's own client failed", e + "\n", 0, now(), now(), "?"));
    }

    private Wrong explain(Ask ask, Reply reply, String wrong) {
        String told = time(reply.start) + " " + ask + " (soak/" + reply.number + ")\n"
                + "  wrong:  " + wrong + "\n"
                + "  came:   " + (reply.head == null ? "no answer" : reply.status() + " " + reply.head.headers()) + "\n"
                + "          " + reply.bytes + " bytes, head after " + (reply.headAt == 0 ? "-" : reply.headAt - reply.start)
                + " ms, end after " + (reply.end - reply.start) + " ms" + (reply.broken == null ? "" : ", " + reply.broken) + "\n"
                + (reply.status() < 400 ? "" : "          " + reply.text + "\n")
                + "  it is:  " + (ask.accepted().isEmpty() ? "nowhere" : "at " + ask.accepted().keySet()) + "\n"
                + "  chaos:  " + hot.chaos(reply.start, reply.end) + "; " + cold.chaos(reply.start, reply.end) + "\n";
        return new Wrong(wrong, told, reply.number, reply.start, reply.end, ask.target());
    }
}
