package io.mirrorregistry.protocol;

/**
 * The largest answers that the mirror accepts.
 *
 * @see <a href="https://github.com/opencontainers/distribution-spec/blob/v1.1.0/spec.md#pushing-manifests">Pushing manifests</a>
 */
public final class SizeLimits {

    /** Bytes of a manifest that every registry has to accept, and so the most that the mirror expects of one; also of one page of referrers. */
    public static final int MANIFEST_BYTES = 4 * 1024 * 1024;
    /** Bytes of a list of tags that one registry may give, whether in pages or all at once: some hundred thousand tags. */
    public static final int TAG_LIST_BYTES = 16 * 1024 * 1024;

    private SizeLimits() {
    }
}
