package io.mirrorregistry.health;

import java.time.Instant;

/**
 * What a registry said when it was last asked how it is.
 *
 * @param whom whom was asked, in few words
 * @param asked the request
 * @param up whether it can serve
 * @param status what came back: an HTTP status, or what went wrong
 * @param at when
 */
public record Probe(String whom, String asked, boolean up, String status, Instant at) {
}
