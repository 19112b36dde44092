package io.mirrorregistry.config;

/** How a registry's blobs reach the client. */
public enum BlobsMode {
    /** The client is sent on where it can go by itself; the bytes are streamed through where it cannot. */
    AUTO,
    /** The client is always sent on. */
    REDIRECT,
    /** The bytes are always streamed through. */
    PROXY
}
