package soak;

import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.stream.Stream;

/** All that was pushed. For any thread. */
final class Pushes {

    static final String REPOSITORY = "soak/pushed";

    final List<PushedImage> images = new CopyOnWriteArrayList<>();
    final List<PushedTag> tags = new CopyOnWriteArrayList<>();
    private final Registry target;
    private final Judge judge;
    private final Tally tally;

    Pushes(Judge judge, Tally tally) {
        this.target = judge.cold();
        this.judge = judge;
        this.tally = tally;
    }

    void add(PushedImage image) {
        images.add(image);
        tally.pushedImages.increment();
    }

    /** Returns a request for a manifest or blob, which the target must have. */
    Ask get(Item item, String reference) {
        String kind = item.type == null ? "blobs" : "manifests";
        return new Ask(item.type == null ? Kind.BLOB : Kind.MANIFEST, "GET", "/v2/" + REPOSITORY + "/" + kind + "/" + reference, REPOSITORY, at(item), null);
    }

    Map<Registry, Item> at(Item item) {
        Map<Registry, Item> at = new TreeMap<>();
        at.put(target, item);
        return at;
    }

    /** Pulls everything by digest, and each tag of which it is known what it means. */
    void pullBack(Client client) throws IOException {
        for (PushedImage image : images) {
            for (Item item : Stream.concat(Stream.of(image.manifest()), image.blobs().stream()).toList()) {
                Ask ask = get(item, item.digest);
                judge.mirror(ask, client.send(ask, Long.MAX_VALUE));
            }
            tally.pulledBack.increment();
        }
        for (PushedTag tag : tags) {
            if (tag.current() != null) {
                Ask ask = get(tag.current(), tag.name);
                judge.mirror(ask, client.send(ask, Long.MAX_VALUE));
            }
        }
    }

    /** Pulls something that was pushed before, or a tag that somebody pushes at this moment. */
    void pullAny(Client client, Random random) throws IOException {
        if (images.isEmpty()) {
            return;
        }
        PushedImage image = images.get(random.nextInt(images.size()));
        Item item = random.nextBoolean() ? image.manifest() : image.blobs().get(random.nextInt(image.blobs().size()));
        Ask ask = get(item, item.digest);
        judge.mirror(ask, client.send(ask, Long.MAX_VALUE));
        PushedTag tag = tags.get(random.nextInt(tags.size()));
        int overwritten = tag.overwritten();
        if (tag.current() != null && overwritten >= 0) {
            Ask moving = get(tag.current(), tag.name);
            Reply reply = client.send(moving, Long.MAX_VALUE);
            judge.moving(moving, reply, tag.since(overwritten));
        }
    }
}
