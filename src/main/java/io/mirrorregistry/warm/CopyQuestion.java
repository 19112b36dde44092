package io.mirrorregistry.warm;

import io.mirrorregistry.warm.WarmQueue.RefusedException;
import io.mirrorregistry.warm.list.Platform;
import io.mirrorregistry.warm.queue.CopyRequest;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.json.DecodeException;
import io.vertx.core.json.Json;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.util.ArrayList;
import java.util.List;

/**
 * The body of {@code POST /warm}: the image that a person asks for.
 *
 * @param image as a client writes it; not checked here beyond its presence
 * @param platforms such as {@code linux/amd64}; empty for all
 */
record CopyQuestion(String image, List<String> platforms) {

    private static final String IMAGE = "image";
    private static final String PLATFORMS = "platforms";
    private static final int MOST_SHOWN = 50;

    /**
     * Reads a body.
     *
     * @throws RefusedException if it is no JSON object of these members
     */
    static CopyQuestion read(Buffer body) throws RefusedException {
        Object value;
        try {
            value = Json.decodeValue(body);
        } catch (DecodeException e) {
            value = null;
        }
        if (!(value instanceof JsonObject json)) {
            throw new RefusedException("The body is no JSON object such as {\"image\":\"team/app:1\"}.");
        }
        for (String name : json.fieldNames()) {
            if (!name.equals(IMAGE) && !name.equals(PLATFORMS)) {
                throw new RefusedException("The member " + shown(name) + " is unknown: there are image and platforms.");
            }
        }
        if (!(json.getValue(IMAGE) instanceof String image) || image.isBlank()) {
            throw new RefusedException("The member image is a name, such as \"team/app:1\".");
        }
        return new CopyQuestion(image, platforms(json));
    }

    private static List<String> platforms(JsonObject json) throws RefusedException {
        if (!json.containsKey(PLATFORMS)) {
            return List.of();
        }
        if (!(json.getValue(PLATFORMS) instanceof JsonArray values) || values.size() > CopyRequest.MOST_PLATFORMS) {
            throw new RefusedException("The member platforms is a list of at most " + CopyRequest.MOST_PLATFORMS + " platforms, such as [\"linux/amd64\"].");
        }
        List<String> platforms = new ArrayList<>();
        for (Object value : values) {
            String platform = String.valueOf(value);
            String fault = Platform.fault(platform);
            if (fault != null) {
                throw new RefusedException(fault + ".");
            }
            platforms.add(platform);
        }
        return platforms;
    }

    private static String shown(String text) {
        return text.length() > MOST_SHOWN ? text.substring(0, MOST_SHOWN) + "…" : text;
    }
}
