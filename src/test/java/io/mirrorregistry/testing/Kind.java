package io.mirrorregistry.testing;

/** What a {@link Call} asks for, told by its path. */
public enum Kind {
    /** {@code /v2/} itself. */
    PING,
    MANIFEST,
    BLOB,
    TAGS,
    REFERRERS,
    /** Any other path: tokens, storage, nonsense. */
    OTHER
}
