package soak;

import static soak.Output.now;

import java.io.IOException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Random;
import java.util.function.BooleanSupplier;

/** Pushes small images of random bytes, one after the other, and reads each of them at once, as it has to be there. */
final class Pusher {

    private static final String UPLOADS = "/v2/" + Pushes.REPOSITORY + "/blobs/uploads/";
    private static final String IMAGE = "application/vnd.oci.image.manifest.v1+json";
    private static final String CONFIG = "application/vnd.oci.image.config.v1+json";
    private static final String LAYER = "application/vnd.oci.image.layer.v1.tar";

    private final String name;
    private final Client client;
    private final Judge judge;
    private final Pushes pushes;
    private final Random random;
    private PushedTag tag;
    private int number;

    Pusher(String name, Client client, Judge judge, Pushes pushes, Random random) {
        this.name = name;
        this.client = client;
        this.judge = judge;
        this.pushes = pushes;
        this.random = random;
        nextTag();
    }

    /** @param pace the mean time from one image to the next, in ms */
    void pushUntil(BooleanSupplier end, double pace) {
        try {
            while (!end.getAsBoolean()) {
                long next = now() + (long) (2 * pace * random.nextDouble());
                push();
                for (int i = 0; i < 2 && !end.getAsBoolean(); i++) {
                    pushes.pullAny(client, random);
                }
                Thread.sleep(Math.max(0, next - now()));
            }
            client.close();
        } catch (Exception e) {
            judge.broken(e);
        }
    }

    private void nextTag() {
        tag = new PushedTag(name + "-" + number++);
        pushes.tags.add(tag);
    }

    private void push() throws IOException {
        byte[] layer = new byte[random.nextInt(1, random.nextInt(4) == 0 ? 500_000 : 20_000)];
        random.nextBytes(layer);
        Item first = new Item(Pushes.REPOSITORY, null, layer);
        Item config = new Item(Pushes.REPOSITORY, null, text("{\"architecture\":\"amd64\",\"os\":\"linux\",\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"%s\"]}}", first.digest));
        if (!upload(first) || !upload(config)) {
            return;
        }
        Item manifest = new Item(Pushes.REPOSITORY, IMAGE, text("{\"schemaVersion\":2,\"mediaType\":\"%s\",\"config\":{\"mediaType\":\"%s\",\"digest\":\"%s\",\"size\":%d},"
                + "\"layers\":[{\"mediaType\":\"%s\",\"digest\":\"%s\",\"size\":%d}]}", IMAGE, CONFIG, config.digest, config.size(), LAYER, first.digest, first.size()));
        tag.begin(manifest);
        String target = "/v2/" + Pushes.REPOSITORY + "/manifests/" + tag.name;
        if (success("PUT", target, manifest, manifest, 201, now()) == null) {
            tag.lose();
            nextTag();
            return;
        }
        tag.confirm();
        pushes.add(new PushedImage(manifest, List.of(first, config)));
        Ask own = pushes.get(manifest, tag.name);
        judge.mirror(own, client.send(own, Long.MAX_VALUE));
    }

    private static byte[] text(String format, Object... values) {
        return String.format(format, values).getBytes(StandardCharsets.US_ASCII);
    }

    /** Pushes a blob in one of three ways. Returns whether it has got its 201. */
    private boolean upload(Item blob) throws IOException {
        long begun = now();
        int way = random.nextInt(3);
        // These registries take no blob with the first request. The client that tried goes on as if it had not.
        String location = way == 0 ? success("POST", UPLOADS + "?digest=" + blob.digest, blob, blob, 202, begun) : success("POST", UPLOADS, null, blob, 202, begun);
        if (location != null && way == 1) {
            location = success("PATCH", location, blob, blob, 202, begun);
        }
        return location != null && success("PUT", location + "?digest=" + blob.digest, way == 1 ? null : blob, blob, 201, begun) != null;
    }

    /**
     * Makes a request of a push. Returns where it goes on; null if it has failed.
     *
     * @param sent null for nothing
     * @param pushed what all of it is about
     */
    private String success(String method, String target, Item sent, Item pushed, int status, long begun) throws IOException {
        Ask ask = new Ask(Kind.PUSH, method, target, Pushes.REPOSITORY, pushes.at(pushed), null, sent);
        Reply reply = client.send(ask, Long.MAX_VALUE);
        return judge.pushed(ask, reply, status, begun) ? URI.create(reply.header("Location")).getRawPath() : null;
    }
}
