package io.mirrorregistry.testing;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/**
 * What a {@link TestServer} is about to send; a {@link Fault} makes another one of it.
 *
 * @param headers header lines in order; Content-Length is one of them and need not be true
 * @param manner how the bytes go out
 */
public record Answer(int status, List<Map.Entry<String, String>> headers, Body body, Manner manner) {

    /** Returns an answer without a body. */
    public static Answer of(int status) {
        return new Answer(status, List.of(), Body.of(""), Manner.WHOLE).with("Content-Length", "0");
    }

    /** Returns an answer with a body and its true length. */
    public static Answer of(int status, String mediaType, Body body) {
        return of(status).with("Content-Type", mediaType).with(body);
    }

    /** Returns an answer with a text and its true length. */
    public static Answer of(int status, String mediaType, String text) {
        return of(status, mediaType, Body.of(text));
    }

    /** Returns the whole body, or the part that the call's {@code Range} asks for (206, or 416 outside of it). */
    static Answer ofRange(Call call, String mediaType, Body body) {
        Answer whole = of(200, mediaType, body).with("Accept-Ranges", "bytes");
        String range = call.header("Range");
        if (range == null || !call.method().equals("GET") || !range.matches("bytes=(\\d+-\\d*|-\\d+)")) {
            return whole;
        }
        String[] ends = range.substring("bytes=".length()).split("-", 2);
        long length = body.length();
        long first = ends[0].isEmpty() ? Math.max(0, length - Long.parseLong(ends[1])) : Long.parseLong(ends[0]);
        long last = ends[0].isEmpty() || ends[1].isEmpty() ? length - 1 : Math.min(length - 1, Long.parseLong(ends[1]));
        if (first > last) {
            return of(416).with("Content-Range", "bytes */" + length);
        }
        return of(206, mediaType, body.part(first, last + 1)).with("Accept-Ranges", "bytes")
                .with("Content-Range", "bytes " + first + "-" + last + "/" + length);
    }

    /** Returns an error as registries tell it. */
    static Answer error(int status, String code) {
        return of(status, "application/json; charset=utf-8",
                "{\"errors\":[{\"code\":\"" + code + "\",\"message\":\"told by the test registry\",\"detail\":null}]}");
    }

    /** Returns this answer with the header replaced or added. */
    public Answer with(String name, String value) {
        return without(name).and(name, value);
    }

    /** Returns this answer with one more header line, also where one of that name is there. */
    public Answer and(String name, String value) {
        return new Answer(status, Stream.concat(headers.stream(), Stream.of(Map.entry(name, value))).toList(), body, manner);
    }

    /** Returns this answer without a header. */
    public Answer without(String name) {
        return new Answer(status, headers.stream().filter(header -> !header.getKey().equalsIgnoreCase(name)).toList(),
                body, manner);
    }

    /** Returns this answer with another body and its true length. */
    public Answer with(Body newBody) {
        return new Answer(status, headers, newBody, manner).with("Content-Length", Long.toString(newBody.length()));
    }

    /** Returns this answer, sent in another manner. */
    public Answer with(Manner newManner) {
        return new Answer(status, headers, body, newManner);
    }

    /** Returns the first header of this name, or null. */
    public String header(String name) {
        return headers.stream().filter(header -> header.getKey().equalsIgnoreCase(name)).map(Map.Entry::getValue)
                .findFirst().orElse(null);
    }

    void send(Call call, Connection connection) throws IOException, InterruptedException {
        manner.send(this, call, connection);
    }

    /** Returns status line and headers as they go out. */
    byte[] head() {
        StringBuilder head = new StringBuilder("HTTP/1.1 " + status + " Told\r\n");
        headers.forEach(header -> head.append(header.getKey()).append(": ").append(header.getValue()).append("\r\n"));
        return head.append("\r\n").toString().getBytes(StandardCharsets.ISO_8859_1);
    }
}
