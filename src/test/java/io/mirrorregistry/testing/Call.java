package io.mirrorregistry.testing;

import java.io.IOException;
import java.io.InputStream;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A request as a {@link TestServer} received it.
 *
 * @param path the target up to its question mark, not decoded
 * @param query what follows the question mark, not decoded; null where there is none
 * @param headers every header line in the order it came, names as sent
 * @param form the body of a POST, not decoded; empty for any other call
 */
public record Call(String method, String path, String query, List<Map.Entry<String, String>> headers, String form) {

    private static final Pattern ASKED =
            Pattern.compile(".*?/v2/(?<name>.+)/(?<kind>manifests|blobs|tags|referrers)/(?<reference>[^/]+)");
    private static final Pattern PING = Pattern.compile(".*?/v2/?");

    /** Reads a request, its body included; returns null when the client has ended the connection. */
    static Call read(InputStream in) throws IOException {
        String requestLine = readLine(in);
        if (requestLine == null) {
            return null;
        }
        String[] words = requestLine.split(" ");
        if (words.length != 3) {
            throw new IOException("not a request: " + requestLine);
        }
        List<Map.Entry<String, String>> headers = new ArrayList<>();
        for (String line = readLine(in); line != null && !line.isEmpty(); line = readLine(in)) {
            int colon = line.indexOf(':');
            if (colon < 0) {
                throw new IOException("not a header: " + line);
            }
            headers.add(Map.entry(line.substring(0, colon), line.substring(colon + 1).strip()));
        }
        int question = words[1].indexOf('?');
        Call call = new Call(words[0], question < 0 ? words[1] : words[1].substring(0, question),
                question < 0 ? null : words[1].substring(question + 1), List.copyOf(headers), "");
        String length = call.header("Content-Length");
        if (call.method().equals("POST") && length != null) {
            return new Call(call.method(), call.path(), call.query(), call.headers(),
                    new String(in.readNBytes(Integer.parseInt(length)), StandardCharsets.UTF_8));
        }
        in.skipNBytes(length == null ? 0 : Long.parseLong(length));
        if ("chunked".equalsIgnoreCase(call.header("Transfer-Encoding"))) {
            skipChunks(in);
        }
        return call;
    }

    private static void skipChunks(InputStream in) throws IOException {
        for (String size = readLine(in); size != null; size = readLine(in)) {
            long bytes = Long.parseLong(size.replaceFirst(";.*", ""), 16);
            in.skipNBytes(bytes);
            readLine(in);
            if (bytes == 0) {
                return;
            }
        }
    }

    private static String readLine(InputStream in) throws IOException {
        StringBuilder line = new StringBuilder();
        for (int c = in.read(); c != '\n'; c = in.read()) {
            if (c < 0) {
                return null;
            }
            line.append((char) c);
        }
        if (!line.isEmpty() && line.charAt(line.length() - 1) == '\r') {
            line.setLength(line.length() - 1);
        }
        return line.toString();
    }

    /** Returns the first header of this name in any case, or null. */
    public String header(String name) {
        return headers(name).stream().findFirst().orElse(null);
    }

    /** Returns the values of every header line of this name in any case. */
    public List<String> headers(String name) {
        return headers.stream().filter(header -> header.getKey().equalsIgnoreCase(name)).map(Map.Entry::getValue).toList();
    }

    /** Returns the decoded query parameter, or null. */
    public String parameter(String name) {
        return parameters(name).stream().findFirst().orElse(null);
    }

    /** Returns the decoded values of every query parameter of this name. */
    public List<String> parameters(String name) {
        return values(query, name);
    }

    /** Returns the decoded field of a POST's form, or null. */
    public String field(String name) {
        return values(form, name).stream().findFirst().orElse(null);
    }

    private static List<String> values(String pairs, String name) {
        if (pairs == null) {
            return List.of();
        }
        return Pattern.compile("&").splitAsStream(pairs)
                .filter(pair -> pair.startsWith(name + "="))
                .map(pair -> URLDecoder.decode(pair.substring(name.length() + 1), StandardCharsets.UTF_8))
                .toList();
    }

    /** Returns path and query as they stood in the request line. */
    public String target() {
        return query == null ? path : path + "?" + query;
    }

    /** Returns what is asked for. */
    public Kind kind() {
        Matcher asked = ASKED.matcher(path);
        if (!asked.matches()) {
            return PING.matcher(path).matches() ? Kind.PING : Kind.OTHER;
        }
        return switch (asked.group("kind")) {
            case "manifests" -> Kind.MANIFEST;
            case "blobs" -> Kind.BLOB;
            case "tags" -> Kind.TAGS;
            default -> Kind.REFERRERS;
        };
    }

    /** Returns the repository asked for, or null. */
    public String name() {
        return group("name");
    }

    /** Returns the tag or digest asked for ({@code list} for tags), or null. */
    public String reference() {
        return group("reference");
    }

    private String group(String group) {
        Matcher asked = ASKED.matcher(path);
        return asked.matches() ? asked.group(group) : null;
    }

    boolean isHead() {
        return method.equals("HEAD");
    }
}
