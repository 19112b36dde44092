package io.mirrorregistry.registry;

/** Which redirects of a blob a call follows. The redirects of anything else are all followed. */
public enum Redirects {
    /** None: the location is the response. */
    NONE,
    /** Redirects to a registry: they do not prove that the blob is there. The location of a storage is the response. */
    TO_REGISTRIES,
    /** Redirects to a place that refuses clients, which have no authorization there. Any other location is the response. */
    CLOSED_TO_CLIENTS,
    /** All redirects: the response has the bytes. The response to a HEAD has their number, even if it takes a GET to find out. */
    ALL
}
