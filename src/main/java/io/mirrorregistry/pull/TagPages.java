package io.mirrorregistry.pull;

import io.mirrorregistry.protocol.MediaTypes;
import io.mirrorregistry.registry.Call;
import io.mirrorregistry.registry.NotHereException;
import io.mirrorregistry.registry.Registry;
import io.mirrorregistry.registry.RegistryTroubleException;
import java.time.Duration;
import java.util.HashSet;
import java.util.Set;
import java.util.function.Consumer;
import org.apache.camel.Exchange;

/**
 * Reads all tags of a repository at one registry, outside of routes. Each tag is handed over as it arrives, in the order of the registry, and some twice if the
 * registry sends them twice. A list of any length needs the memory of one page. For one reading, by one thread.
 *
 * @see TagsStep TagsStep, which reads the part of the list that a client wants, in ASCII order
 */
public final class TagPages {

    /** The largest n that registries commonly accept. */
    private static final int PAGE = 1000;
    /** A registry that sends more pages, or takes longer, has no end of its list. */
    private static final int MOST_PAGES = 10_000;
    private static final Duration LONGEST = Duration.ofMinutes(10);

    private final OutsideCall calls;
    private final Exchange exchange;
    private final Pull pull;
    private final Consumer<String> tags;
    private final Set<String> asked = new HashSet<>();
    private Part part = Part.START;
    private String previous;

    /** Which part of the list a call requests. */
    private enum Part {
        /** The first page. */
        START,
        /** The tags after the last one of a full page that had no link. */
        AFTER,
        /** The page of a link. */
        LINKED,
        /** The list without parameters. */
        WHOLE
    }

    /**
     * @param exchange carries a {@link Pull} with its target and registry
     * @param tags gets each valid tag; what it has got is of no use if {@link #read} throws
     */
    public TagPages(OutsideCall calls, Exchange exchange, Consumer<String> tags) {
        this.calls = calls;
        this.exchange = exchange;
        this.pull = Pull.of(exchange);
        this.tags = tags;
    }

    /**
     * Reads the list to its end.
     *
     * @throws NotHereException if the registry has no such repository
     */
    public void read() throws NotHereException, RegistryTroubleException {
        long start = System.nanoTime();
        int pages = 0;
        String query = "n=" + PAGE;
        while (query != null || part == Part.WHOLE) {
            if (pages == MOST_PAGES || System.nanoTime() - start > LONGEST.toNanos()) {
                throw pull.trouble("with a list that does not end");
            }
            pull.call(new Call(false, pull.pathThere(), query, MediaTypes.JSON, null));
            if (isAnswered(pages)) {
                query = next(page());
                pages++;
            } else if (part == Part.START) {
                part = Part.WHOLE;
                query = null;
            } else {
                return;
            }
        }
        pull.registry().troubles().responded();
    }

    /**
     * Makes the call.
     *
     * @return false if the registry refuses the parameters that this class has chosen
     */
    private boolean isAnswered(int pages) throws NotHereException, RegistryTroubleException {
        try {
            calls.make(exchange);
            return true;
        } catch (RegistryTroubleException e) {
            if (e.status() == 400 && (part == Part.START || part == Part.AFTER)) {
                return false;
            }
            throw e;
        } catch (NotHereException e) {
            if (part == Part.AFTER) {
                return false;
            }
            if (pages > 0) {
                throw pull.trouble("on page " + (pages + 1) + " as if there were no such list");
            }
            throw e;
        }
    }

    /** Hands over the tags of the page. Returns how many entries it has. */
    private int page() throws RegistryTroubleException {
        int count = -1;
        if (Registry.status(exchange) == 200 && exchange.getMessage().getBody() instanceof byte[] body) {
            count = TagsStep.read(body, tag -> {
                previous = tag;
                tags.accept(tag);
            });
        }
        exchange.getMessage().setBody(null);
        if (pull.share() != null) {
            pull.share().giveBackLists();
        }
        if (count < 0) {
            throw pull.trouble("with what is no list of tags");
        }
        return count;
    }

    /** Returns the query of the next page; null if there is none. Sets the part. */
    private String next(int count) throws RegistryTroubleException {
        String link = ListStep.nextQuery(exchange.getMessage().getHeader("Link"));
        if (link != null) {
            if (link.isEmpty() || !asked.add(link)) {
                throw pull.trouble("with a link to a next page that leads nowhere");
            }
            part = Part.LINKED;
            return link;
        }
        boolean full = count == PAGE && previous != null && (part == Part.START || part == Part.AFTER);
        String after = "n=" + PAGE + "&last=" + previous;
        part = Part.AFTER;
        // A registry that ignores the parameter "last" sends the same page again.
        return full && asked.add(after) ? after : null;
    }
}
