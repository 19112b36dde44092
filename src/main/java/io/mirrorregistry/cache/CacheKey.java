package io.mirrorregistry.cache;

import io.mirrorregistry.plan.Plan;
import io.mirrorregistry.protocol.ApiPath;
import io.mirrorregistry.protocol.ApiRequest;
import io.mirrorregistry.protocol.Reference;

/**
 * What an answer depends on. The plan stands for the repository: its names at the registries that are asked. So two upstreams never share an
 * entry, and a changed plan takes effect at once.
 *
 * @param kind a manifest or a blob
 * @param reference the tag or digest
 * @param accept the client's Accept; null where it sent none, and for a blob
 * @param head whether the method is HEAD
 */
record CacheKey(Plan plan, ApiPath.Kind kind, Reference reference, String accept, boolean head) {

    /** A longer Accept than any client sends; such an answer is not cached. */
    private static final int LONGEST_ACCEPT = 2048;
    /** The objects of an entry without its plan and its characters, in bytes; rounded up. */
    private static final int ENTRY_BYTES = 500;

    static CacheKey of(Plan plan, ApiRequest request) {
        return of(plan, request.path(), request.accept(), request.head());
    }

    static CacheKey of(Plan plan, ApiPath path, String accept, boolean head) {
        return new CacheKey(plan, path.kind(), path.reference(), path.kind() == ApiPath.Kind.MANIFEST ? accept : null, head);
    }

    /** Returns the key of a miss: what is not there is so for GET and HEAD. */
    CacheKey miss() {
        return head ? new CacheKey(plan, kind, reference, accept, false) : this;
    }

    boolean isManifest() {
        return kind == ApiPath.Kind.MANIFEST;
    }

    /** Returns whether an answer is kept. */
    boolean isCached() {
        return (isManifest() || kind == ApiPath.Kind.BLOB) && (accept == null || accept.length() <= LONGEST_ACCEPT);
    }

    /** Returns about how much memory an entry with this key takes, without its value, in bytes. */
    int weight() {
        return ENTRY_BYTES + plan.weight() + reference.value().length() + (accept == null ? 0 : accept.length());
    }
}
