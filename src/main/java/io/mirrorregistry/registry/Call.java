package io.mirrorregistry.registry;

import io.mirrorregistry.protocol.ApiPath;

/**
 * What a registry is to be asked next.
 *
 * @param head whether the method is HEAD; GET otherwise
 * @param path what is asked for
 * @param query the raw query; null for none
 * @param accept the Accept header; null for none
 * @param range the Range header; null for none
 * @param redirects which redirects of a blob the call follows
 */
public record Call(boolean head, ApiPath path, String query, String accept, String range, Redirects redirects) {

    /** Makes a call that follows all redirects. */
    public Call(boolean head, ApiPath path, String query, String accept, String range) {
        this(head, path, query, accept, range, Redirects.ALL);
    }

    /** Makes a GET without query or range. */
    public static Call get(ApiPath path, String accept) {
        return new Call(false, path, null, accept, null);
    }

    /** Tells the call as it stands in logs. */
    @Override
    public String toString() {
        return (head ? "HEAD " : "GET ") + path;
    }
}
