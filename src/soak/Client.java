package soak;

import static soak.Output.now;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/** Pulls at random, one request at a time. */
final class Client {

    private static final AtomicInteger NUMBER = new AtomicInteger();
    private static final ByteBuffer NOTHING = ByteBuffer.allocate(0);
    private static final List<String> HEAD_OR_GET = List.of("GET", "GET", "HEAD");
    private static final String ACCEPT = "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json";

    private final InetSocketAddress mirror;
    private final Catalog catalog;
    private final Judge judge;
    private final Random random;
    private Connection connection;

    Client(InetSocketAddress mirror, Catalog catalog, Judge judge, Random random) {
        this.mirror = mirror;
        this.catalog = catalog;
        this.judge = judge;
        this.random = random;
    }

    /** @param pace the mean time from one request to the next, in ms */
    void pullUntil(BooleanSupplier end, double pace) {
        try {
            long next = now();
            while (!end.getAsBoolean()) {
                pull();
                next = Math.max(now() - 200, next + (long) (2 * pace * random.nextDouble()));
                Thread.sleep(Math.max(0, next - now()));
            }
            close();
        } catch (Exception e) {
            judge.broken(e);
        }
    }

    void close() throws IOException {
        if (connection != null) {
            connection.close();
        }
    }

    private void pull() throws IOException {
        int dice = random.nextInt(1000);
        if (dice < 12) {
            leave(dice < 4);
            return;
        }
        Ask ask = choose();
        Reply reply = send(ask, Long.MAX_VALUE);
        judge.mirror(ask, reply);
        if (reply.status() == 307 && ask.kind() == Kind.BLOB && reply.broken == null && judge.location(ask, reply)) {
            follow(ask);
        }
    }

    private Ask choose() {
        int dice = random.nextInt(100);
        String method = pick(HEAD_OR_GET);
        if (dice < 34) {
            Tag tag = pick(catalog.tags);
            return new Ask(Kind.MANIFEST, method, path(tag.repository(), "manifests", tag.name()), tag.repository(), tag.items(), null);
        } else if (dice < 52) {
            Item item = pick(catalog.manifests);
            return new Ask(Kind.MANIFEST, method, path(item.repository, "manifests", item.digest), item.repository, at(item), null);
        } else if (dice < 68) {
            Item item = pick(catalog.blobs);
            // The largest is there for ranges and for those who leave.
            return item.size() > 50_000_000 ? blob(item, "GET", range(item)) : blob(item, method, null);
        } else if (dice < 78) {
            Item item = pick(catalog.blobs);
            return blob(item, "GET", range(item));
        } else if (dice < 85) {
            return tags(pick(catalog.repositories));
        } else if (dice < 87) {
            Item item = pick(catalog.manifests);
            return new Ask(Kind.REFERRERS, "GET", path(item.repository, "referrers", item.digest), item.repository, at(item), null);
        } else if (dice < 98) {
            return missing(method);
        }
        return new Ask(Kind.OWN, method, dice == 98 ? "/v2/" : "/health", null, Map.of(), null);
    }

    private Ask missing(String method) {
        String nowhere = "sha256:" + IntStream.range(0, 8).mapToObj(i -> String.format("%08x", random.nextInt()))
                .collect(Collectors.joining());
        String there = pick(catalog.repositories);
        String target = switch (random.nextInt(6)) {
            case 0 -> path(there, "manifests", "no-such-tag");
            case 1 -> path(there, "manifests", nowhere);
            case 2 -> path(there, "blobs", nowhere);
            case 3 -> path("team/nowhere", "manifests", "latest");
            case 4 -> path("nobody/knows/" + random.nextInt(1000), "blobs", nowhere);
            default -> {
                method = "GET";
                yield "/v2/team/nowhere/tags/list";
            }
        };
        return new Ask(Kind.MISSING, method, target, there, Map.of(), null);
    }

    private Ask tags(String repository) {
        String target = "/v2/" + repository + "/tags/list" + switch (random.nextInt(4)) {
            case 0 -> "?n=1";
            case 1 -> "?n=1&last=" + catalog.tagsOf(repository).keySet().iterator().next();
            default -> "";
        };
        Map<Registry, Item> holders = new TreeMap<>();
        catalog.tags.stream().filter(tag -> tag.repository().equals(repository)).forEach(tag -> holders.putAll(tag.items()));
        return new Ask(Kind.TAGS, "GET", target, repository, holders, null);
    }

    private static Ask blob(Item item, String method, long[] part) {
        return new Ask(Kind.BLOB, method, path(item.repository, "blobs", item.digest), item.repository, at(item), part);
    }

    private long[] range(Item item) {
        long first = (long) (random.nextDouble() * (item.size() - 1));
        return new long[] {first, Math.min(item.size(), first + 1 + random.nextInt(200_000))};
    }

    private static Map<Registry, Item> at(Item item) {
        Map<Registry, Item> at = new TreeMap<>();
        item.holders.forEach(holder -> at.put(holder, item));
        return at;
    }

    private static String path(String repository, String what, String reference) {
        return "/v2/" + repository + "/" + what + "/" + reference;
    }

    private <T> T pick(List<T> things) {
        return things.get(random.nextInt(things.size()));
    }

    /** Goes away from a large blob before it is whole, or from anything before its answer has come. */
    private void leave(boolean beforeAnswer) throws IOException {
        Item largest = catalog.blobs.stream().max(Comparator.comparingLong(Item::size)).orElseThrow();
        Ask ask = beforeAnswer ? choose() : blob(largest, "GET", null);
        Reply reply = send(ask, beforeAnswer ? -1 : 1 + random.nextInt(4_000_000));
        judge.left(ask, reply);
    }

    /** @param leaveAfter how many bytes of a body are enough; -1 to leave before the answer */
    Reply send(Ask ask, long leaveAfter) throws IOException {
        Reply reply = new Reply(NUMBER.incrementAndGet());
        try {
            if (connection == null || !connection.reusable || random.nextInt(50) == 0) {
                if (connection != null) {
                    connection.close();
                }
                connection = new Connection(mirror);
            }
            exchange(connection, ask, reply, leaveAfter);
        } catch (LeftException e) {
            reply.left = true;
            if (random.nextBoolean()) {
                connection.reset();
            }
            connection.close();
        } catch (IOException e) {
            reply.broken = e;
            if (connection != null) {
                connection.close();
            }
        }
        reply.end = now();
        return reply;
    }

    private void exchange(Connection on, Ask ask, Reply reply, long leaveAfter) throws IOException {
        Map<String, String> headers = new LinkedHashMap<>();
        headers.put("User-Agent", "soak/" + reply.number);
        headers.put("Accept", ACCEPT);
        if (ask.part() != null) {
            headers.put("Range", "bytes=" + ask.part()[0] + "-" + (ask.part()[1] - 1));
        }
        if (ask.kind() == Kind.PUSH) {
            headers.put("Content-Type", ask.sent() == null || ask.sent().type == null ? "application/octet-stream" : ask.sent().type);
            on.ask(ask.method(), ask.target(), headers, ask.sent() == null ? NOTHING : ask.sent().bytes);
        } else {
            on.ask(ask.method(), ask.target(), headers);
        }
        if (leaveAfter < 0) {
            if (random.nextBoolean()) {
                LockSupport.parkNanos(random.nextInt(20_000_000));
            }
            throw new LeftException();
        }
        reply.head = on.readHead();
        reply.headAt = now();
        if (ask.head()) {
            return;
        }
        boolean content = reply.status() == 200 || reply.status() == 206;
        if (content) {
            reply.matching.addAll(ask.accepted().values());
        }
        long from = reply.status() == 206 && ask.part() != null ? ask.part()[0] : 0;
        on.readBody(reply.head, (bytes, count) -> {
            if (reply.text.size() < 100_000) {
                reply.text.write(bytes, 0, count);
            }
            reply.matching.removeIf(item -> !matches(item.bytes, from + reply.bytes, bytes, count));
            reply.bytes += count;
            if (reply.bytes > leaveAfter) {
                throw new LeftException();
            }
        });
    }

    private static boolean matches(ByteBuffer all, long from, byte[] bytes, int count) {
        return from + count <= all.capacity() && all.slice((int) from, count).equals(ByteBuffer.wrap(bytes, 0, count));
    }

    /** Goes where the mirror has sent it, as clients do: with the same request, on a connection of its own. */
    private void follow(Ask ask) throws IOException {
        Reply reply = new Reply(NUMBER.incrementAndGet());
        Registry hot = judge.hot();
        try (Connection own = new Connection(hot.proxy.address)) {
            exchange(own, ask, reply, Long.MAX_VALUE);
        } catch (IOException e) {
            reply.broken = e;
        }
        reply.end = now();
        judge.followed(ask, reply);
    }
}
