package io.mirrorregistry.pull;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import io.mirrorregistry.protocol.ApiRequest;
import io.mirrorregistry.protocol.Json;
import io.mirrorregistry.protocol.MediaTypes;
import io.mirrorregistry.protocol.Tag;
import io.mirrorregistry.registry.NotHereException;
import io.mirrorregistry.registry.RegistryTroubleException;
import io.mirrorregistry.registry.Step;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.NavigableSet;
import java.util.TreeSet;
import java.util.function.Consumer;
import org.apache.camel.Exchange;

/**
 * The step {@code tags} of routes. Clients get tags in ASCII order, as the specification wants; registries list them in orders of their own.
 *
 * <p>For a client that wants a part ({@code n}), a registry is asked for {@value #PAGE} tags at a time, and only the smallest tags that the
 * client wants are kept. Reading stops early only while all tags of the registry have come in ASCII order from the beginning of its list, and
 * no later tag can be among those. So the parts are right for
 * <ul>
 * <li>a list in ASCII order, of which no more than one page beyond the client's part is read,
 * <li>a list in any other order that shows among the tags which are read first: such a list is read to its end for each part,
 * <li>a list of at most {@value #PAGE} tags in any order.
 * </ul>
 * They can lack tags only if a list is in ASCII order for {@value #PAGE} tags or more, and later is not: those that would have belonged into
 * parts which the client has got already. A list is read from {@code last} on only if all of it up to there has been seen in ASCII order
 * in the last {@link #REMEMBERED}; otherwise it is read from its beginning.
 *
 * @see <a href="https://github.com/opencontainers/distribution-spec/blob/v1.1.0/spec.md#listing-tags">Listing tags</a>
 */
public final class TagsStep extends ListStep {

    /** The largest n that registries commonly accept. */
    private static final int PAGE = 1000;
    private static final Duration REMEMBERED = Duration.ofMinutes(10);
    private static final int MOST_REMEMBERED = 2000;
    /** Quotes and comma. */
    private static final int PUNCTUATION = 3;

    /** The variable that tells which part of the list is asked for. */
    private static final String PART = "part";
    private static final String WHOLE = "whole";
    private static final String START = "start";
    private static final String AFTER = "after";
    private static final String NEXT = "next";

    /** By registry and path: the tag up to which the list has been seen in ASCII order from its beginning. */
    private final Cache<String, String> seenInOrder = Caffeine.newBuilder().maximumSize(MOST_REMEMBERED).expireAfterWrite(REMEMBERED)
            .executor(Runnable::run).build();

    /** The tags that the client wants, and one more, which shows whether there are others; and what is known of the registry's list. */
    private static final class Tags extends Gathered {

        private final NavigableSet<String> smallest = new TreeSet<>();
        private final String last;
        private final long most;
        private int bytes;
        private int onPage;
        private String previous;
        private boolean inOrder;

        Tags(ApiRequest.Page page) {
            last = page.last() == null ? "" : page.last();
            most = page.limit() < 0 ? Long.MAX_VALUE : page.limit() + 1L;
        }

        @Override
        boolean isEmpty() {
            return smallest.isEmpty();
        }

        boolean isPart() {
            return most < Long.MAX_VALUE;
        }

        void startAfter(String tag) {
            previous = tag;
            inOrder = true;
        }

        void add(String tag) {
            inOrder &= previous == null || tag.compareTo(previous) >= 0;
            previous = tag;
            if (tag.compareTo(last) > 0 && smallest.add(tag)) {
                bytes += tag.length() + PUNCTUATION;
                if (smallest.size() > most) {
                    bytes -= smallest.pollLast().length() + PUNCTUATION;
                }
            }
        }

        /** Returns whether no tag that follows in the registry's list can be among the smallest. */
        boolean isEnough() {
            return inOrder && smallest.size() == most && previous.compareTo(smallest.last()) >= 0;
        }
    }

    @Override
    Gathered begin(Pull pull) {
        return new Tags(pull.request().page());
    }

    private Tags tags(Exchange exchange) {
        return (Tags) gathered(exchange);
    }

    private static String key(Exchange exchange) {
        return Pull.of(exchange).target().registry() + ' ' + Pull.of(exchange).pathThere();
    }

    /**
     * Prepares the call for the whole list, or for the first page where the client wants a part. Sets the variable {@code part} to
     * {@code whole}, {@code start} or {@code after}, that is: after the client's parameter {@code last}.
     */
    @Override
    @Step(needs = "target", sets = {"call", "list", "more", "page", "part"})
    public void prepare(Exchange exchange) {
        super.prepare(exchange);
        Tags tags = tags(exchange);
        String seen = tags.isPart() && Tag.isValid(tags.last) ? seenInOrder.getIfPresent(key(exchange)) : null;
        ask(exchange, !tags.isPart() ? WHOLE : seen != null && seen.compareTo(tags.last) >= 0 ? AFTER : START);
    }

    private void ask(Exchange exchange, String part) {
        Tags tags = tags(exchange);
        tags.startAfter(part.equals(AFTER) ? tags.last : null);
        exchange.setVariable(PART, part);
        next(exchange, Pull.of(exchange).pathThere(), query(part, tags.last));
    }

    private static String query(String part, String last) {
        return switch (part) {
            case WHOLE -> null;
            case AFTER -> "n=" + PAGE + "&last=" + last;
            default -> "n=" + PAGE;
        };
    }

    /**
     * Prepares a call with fewer parameters, since the registry has refused the last one: first without {@code last}, then without {@code n}.
     * If the list seemed to be at its end before that call, it was.
     */
    @Step(needs = {"call", "part"}, sets = {"call", "list", "more", "page", "part"})
    public void widen(Exchange exchange) {
        boolean after = AFTER.equals(exchange.getVariable(PART));
        if (after && gathered(exchange).pages > 0) {
            end(exchange);
        } else {
            ask(exchange, after ? START : WHOLE);
        }
    }

    @Override
    void add(Exchange exchange, byte[] page) throws RegistryTroubleException {
        Tags tags = tags(exchange);
        tags.onPage = read(page, tag -> { });
        if (tags.onPage < 0) {
            throw Pull.of(exchange).trouble("with what is no list of tags");
        }
        read(page, tags::add);
        if (tags.isPart() && Pull.of(exchange).share() != null) {
            Pull.of(exchange).share().keepOfLists(tags.bytes);
        }
    }

    /** Reads a page without making objects of all its entries at a time. Returns how many there are; -1 where it is no list of tags. */
    static int read(byte[] page, Consumer<String> tags) {
        int count = -1;
        try (JsonParser parser = Json.TOKENS.createParser(page)) {
            if (parser.nextToken() != JsonToken.START_OBJECT) {
                return -1;
            }
            while (parser.nextToken() == JsonToken.FIELD_NAME) {
                boolean list = parser.currentName().equals("tags");
                JsonToken value = parser.nextToken();
                if (list && value == JsonToken.START_ARRAY) {
                    count = 0;
                    for (JsonToken entry = parser.nextToken(); entry != JsonToken.END_ARRAY; entry = parser.nextToken()) {
                        count++;
                        if (entry == JsonToken.VALUE_STRING && Tag.isValid(parser.getText())) {
                            tags.accept(parser.getText());
                        }
                        parser.skipChildren();
                    }
                } else if (list) {
                    count = value == JsonToken.VALUE_NULL ? 0 : -1;
                }
                parser.skipChildren();
            }
            return parser.nextToken() == null ? count : -1;
        } catch (IOException e) {
            return -1;
        }
    }

    /**
     * Returns null once no more tags are needed. A full page without a link may be a list that the registry has cut, so it is asked for what
     * follows. A list that was asked for after a tag, and is not in order from there on, is read again from its beginning.
     */
    @Override
    String nextPage(Exchange exchange) {
        Tags tags = tags(exchange);
        String part = exchange.getVariable(PART, String.class);
        if (part.equals(AFTER) && tags.pages == 1 && !tags.inOrder) {
            tags.startAfter(null);
            exchange.setVariable(PART, START);
            return query(START, null);
        }
        if (tags.isEnough()) {
            return null;
        }
        String link = super.nextPage(exchange);
        if (link != null) {
            exchange.setVariable(PART, NEXT);
        } else if (tags.onPage == PAGE && tags.previous != null && (part.equals(START) || part.equals(AFTER))) {
            exchange.setVariable(PART, AFTER);
            String more = query(AFTER, tags.previous);
            return tags.asked.contains(more) ? null : more;
        }
        return link;
    }

    @Override
    void end(Exchange exchange) {
        super.end(exchange);
        Tags tags = tags(exchange);
        if (!tags.inOrder) {
            seenInOrder.invalidate(key(exchange));
        } else if (tags.previous != null) {
            seenInOrder.asMap().merge(key(exchange), tags.previous, (one, other) -> one.compareTo(other) >= 0 ? one : other);
        }
    }

    /**
     * Answers with the part of the union that the client wants.
     *
     * @throws NotHereException when no registry has the repository
     * @throws RegistryTroubleException when no registry gave a list
     */
    @Step(needs = {"list", "failures"}, sets = "answer")
    public void answer(Exchange exchange) throws NotHereException, RegistryTroubleException {
        requireAnswer(exchange);
        ApiRequest request = Pull.of(exchange).request();
        List<String> wanted = List.copyOf(tags(exchange).smallest);
        int limit = request.page().limit();
        String link = null;
        if (limit >= 0 && wanted.size() > limit) {
            wanted = wanted.subList(0, limit);
            if (limit > 0) {
                Pull pull = Pull.of(exchange);
                link = "<" + request.path() + "?n=" + limit + "&last=" + wanted.get(limit - 1)
                        + (pull.givenNamespace() == null ? "" : "&ns=" + pull.givenNamespace()) + ">; rel=\"next\"";
            }
        }
        reply(exchange, MediaTypes.JSON, new JsonObject()
                .put("name", request.path().repository().value())
                .put("tags", new JsonArray(wanted)));
        if (link != null) {
            exchange.getMessage().setHeader("Link", link);
        }
    }
}
