package io.mirrorregistry.server;

import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Writes paths as they may stand in logs. The name of an upload is a secret: whoever knows it may go on with the upload. */
final class LoggedPath {

    /** Slashes may be more, or encoded: such a path names no upload, but a client that is mistaken may have sent a name that does. */
    private static final Pattern UPLOADS = Pattern.compile("(?:/|%2f)blobs(?:/|%2f)+uploads(?:/|%2f)+", Pattern.CASE_INSENSITIVE);

    private LoggedPath() {
    }

    /**
     * Returns a path without the name of an upload.
     *
     * @param path as the client sent it; may be null
     */
    static String of(String path) {
        if (path == null) {
            return null;
        }
        Matcher uploads = UPLOADS.matcher(path);
        return uploads.find() && uploads.end() < path.length() ? path.substring(0, uploads.end()) + "…" : path;
    }
}
