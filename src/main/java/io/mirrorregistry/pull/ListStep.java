package io.mirrorregistry.pull;

import io.mirrorregistry.config.RegistrySettings;
import io.mirrorregistry.protocol.ApiPath;
import io.mirrorregistry.protocol.MediaTypes;
import io.mirrorregistry.protocol.SizeLimits;
import io.mirrorregistry.registry.AnswerTime;
import io.mirrorregistry.registry.Call;
import io.mirrorregistry.registry.NotHereException;
import io.mirrorregistry.registry.Registry;
import io.mirrorregistry.registry.RegistryTroubleException;
import io.mirrorregistry.registry.Step;
import io.mirrorregistry.work.MemoryBudget;
import io.vertx.core.json.DecodeException;
import io.vertx.core.json.JsonObject;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.apache.camel.Exchange;
import org.apache.camel.Message;

/** Gathers a list that registries give in pages, from each of them, and makes one of it. */
abstract class ListStep {

    /** The variable that tells whether the registry has a further page. */
    private static final String MORE = "more";
    /** The variable that tells which page is asked for, from 1. */
    private static final String PAGE = "page";
    /** No list that anybody can use is longer; a registry that goes on and on is in trouble. */
    private static final int MOST_PAGES = 200;
    private static final int MOST_BYTES = SizeLimits.TAG_LIST_BYTES;

    /** What has been gathered: entries by what makes them the same, and who gave them. */
    static class Gathered {
        private final Map<String, Object> entries = new LinkedHashMap<>();
        /** Of referrers only: entries of the registry that is asked which may be parts of the subject. */
        final Map<String, Object> doubtful = new LinkedHashMap<>();
        private final List<String> registries = new ArrayList<>(2);
        /** The registry whose page was added last; null before. */
        String last;
        final Set<String> asked = new HashSet<>();
        int pages;
        /** When the registry was asked first, less what the request had waited for turns until then. */
        private long start;
        private long bytes;

        /** Returns whether no entry of any registry was gathered. */
        boolean isEmpty() {
            return entries.isEmpty();
        }
    }

    /** Prepares the call for the first page. */
    @Step(needs = "target", sets = {"call", "list", "more", "page"})
    public void prepare(Exchange exchange) {
        gathered(exchange).pages = 0;
        gathered(exchange).start = System.nanoTime() - Pull.of(exchange).waitedNanos();
        gathered(exchange).bytes = 0;
        gathered(exchange).asked.clear();
        next(exchange, Pull.of(exchange).pathThere(), null);
    }

    /**
     * Adds the page that the registry has just answered with, and prepares the call for the next where there is one.
     *
     * @throws NotHereException when the response shows that the registry has no such API
     */
    @Step(needs = {"call", "response"}, sets = {"list", "call", "more", "page"})
    public void gather(Exchange exchange) throws NotHereException, RegistryTroubleException {
        Gathered gathered = gathered(exchange);
        if (Registry.status(exchange) != 200) {
            throw Pull.of(exchange).trouble("with " + Registry.status(exchange) + " instead of a list");
        }
        byte[] body = exchange.getMessage().getBody() instanceof byte[] bytes ? bytes : new byte[0];
        gathered.pages++;
        gathered.bytes += body.length;
        if (gathered.pages > MOST_PAGES || gathered.bytes > MOST_BYTES) {
            throw Pull.of(exchange).trouble("with a list that does not end");
        }
        add(exchange, body);
        gathered.last = Pull.of(exchange).registry().name();
        String next = nextPage(exchange);
        if (next != null && (next.isEmpty() || !gathered.asked.add(next))) {
            throw Pull.of(exchange).trouble("with a link to a next page that leads nowhere");
        }
        if (next != null && System.nanoTime() - Pull.of(exchange).waitedNanos() - gathered.start > mostNanos(Pull.of(exchange).registry().settings())) {
            throw Pull.of(exchange).trouble("with a list that takes too long");
        }
        if (next == null) {
            end(exchange);
        } else {
            next(exchange, Pull.of(exchange).call().path(), next);
        }
    }

    /** Returns the query of the page that is to be asked for next; empty where it cannot be followed, null for none. */
    String nextPage(Exchange exchange) {
        return nextQuery(exchange.getMessage().getHeader("Link"));
    }

    /** Notes that the registry has given its list as far as it is needed. */
    void end(Exchange exchange) {
        Registry registry = Pull.of(exchange).registry();
        registry.troubles().responded();
        gathered(exchange).registries.add(registry.name());
        exchange.setVariable(MORE, false);
    }

    /** Returns the JSON object that a page is; null where it is none. */
    static JsonObject object(byte[] body) {
        try {
            return new JsonObject(new String(body, StandardCharsets.UTF_8));
        } catch (DecodeException e) {
            return null;
        }
    }

    /** Returns how long a registry may take for all pages: twice what it may take for one. */
    private static long mostNanos(RegistrySettings registry) {
        return 2 * registry.connectTimeout().plus(registry.responseTimeout()).toNanos();
    }

    /** Says that the registry is in trouble: it has told of a page and then that it has not got it. */
    @Step(needs = {"call", "page"})
    public void torn(Exchange exchange) throws RegistryTroubleException {
        throw Pull.of(exchange).trouble("on page " + exchange.getVariable(PAGE) + " as if there were no such list");
    }

    /**
     * Adds a page to the entries; of entries that are the same the first one stays.
     *
     * @throws NotHereException when it shows that the registry has no such API
     * @throws RegistryTroubleException when it is no page of a list
     */
    abstract void add(Exchange exchange, byte[] page) throws NotHereException, RegistryTroubleException;

    /** Prepares a call whose answer is a page, the last one unless it tells otherwise. */
    final void next(Exchange exchange, ApiPath path, String query) {
        exchange.setVariable(MORE, true);
        exchange.setVariable(PAGE, gathered(exchange).pages + 1);
        Pull.of(exchange).call(new Call(false, path, query, accept(), null));
    }

    String accept() {
        return MediaTypes.JSON;
    }

    /** Throws the last failure if no registry gave a list; pages that came before the time for an answer was over are better than none. */
    final void requireAnswer(Exchange exchange) throws NotHereException, RegistryTroubleException {
        Gathered gathered = gathered(exchange);
        AnswerTime time = Pull.of(exchange).answerTime();
        if (gathered.registries.isEmpty() && time != null && time.isOver() && !gathered.isEmpty()) {
            gathered.registries.add(gathered.last);
        }
        if (gathered.registries.isEmpty()) {
            Pull.of(exchange).throwLastFailure();
        }
    }

    /** Returns the entries of all registries, those of the one asked first at the beginning. */
    final Map<String, Object> entries(Exchange exchange) {
        return gathered(exchange).entries;
    }

    /** Answers with a list, and a warning where a registry is in trouble whose part may be lacking. */
    final void reply(Exchange exchange, String contentType, JsonObject list) throws RegistryTroubleException {
        byte[] body = list.toBuffer().getBytes();
        List<String> registries = gathered(exchange).registries;
        // The entries go before their memory is given back, not when the answer has been written.
        Pull.of(exchange).gathered(null);
        MemoryBudget.Share share = Pull.of(exchange).share();
        if (share != null) {
            if (!share.take(body.length)) {
                throw new RegistryTroubleException(Pull.of(exchange).registry().name(), Pull.of(exchange).request().path()
                        + " was not answered: other answers have the memory", RegistryTroubleException.Kind.REFUSED, null);
            }
            share.giveBackLists();
        }
        Message message = exchange.getMessage();
        message.removeHeaders("*");
        message.setHeader(Exchange.HTTP_RESPONSE_CODE, 200);
        message.setHeader(Exchange.CONTENT_TYPE, contentType);
        Pull pull = Pull.of(exchange);
        if (!pull.troubles().isEmpty()) {
            String names = pull.troubles().stream().map(RegistryTroubleException::registry).collect(Collectors.joining(", "));
            message.setHeader("Warning", "299 - \"" + names + " could not be asked; the list may lack entries\"");
        }
        message.setBody(ByteBuffer.wrap(body));
        pull.servedBy(registries.isEmpty() ? null : String.join(",", registries));
    }

    final Gathered gathered(Exchange exchange) {
        Pull pull = Pull.of(exchange);
        if (pull.gathered() == null) {
            pull.gathered(begin(pull));
        }
        return pull.gathered();
    }

    /** Makes the list of a request, which is empty at first. */
    Gathered begin(Pull pull) {
        return new Gathered();
    }

    /**
     * Returns the query of the link to the next page; empty where it cannot be followed, null where there is none. Only the query
     * counts: the page is asked of the same registry at the same path.
     */
    static String nextQuery(Object header) {
        List<?> lines = header instanceof List<?> several ? several : header == null ? List.of() : List.of(header);
        for (Object line : lines) {
            for (String link : line.toString().split(",(?=\\s*<)")) {
                int open = link.indexOf('<');
                int close = link.indexOf('>', open);
                if (open >= 0 && close > 0 && link.substring(close).replaceAll("[\"' ]", "").toLowerCase(Locale.ROOT).contains(";rel=next")) {
                    String target = link.substring(open + 1, close);
                    int question = target.indexOf('?');
                    String query = question < 0 ? "" : target.substring(question + 1);
                    return query.chars().allMatch(c -> c > ' ' && c < 127 && "{}<>\"\\^`|#".indexOf(c) < 0) ? query : "";
                }
            }
        }
        return null;
    }
}
