package io.mirrorregistry.access;

import java.time.Instant;
import java.util.List;
import java.util.Set;

/**
 * An account for a program. Its own entry decides in the repositories that it names; in others a robot may do what anyone may.
 *
 * @param name the name that it logs in with; without a colon
 * @param tokenHash SHA-256 of its token, 64 lower-case hexadecimal digits
 * @param repositories patterns of repositories' names
 * @param may what it may do there
 * @param expires from when on its token is refused; null for never
 */
record Robot(String name, String tokenHash, List<NamePattern> repositories, Set<Action> may, Instant expires) {
}
