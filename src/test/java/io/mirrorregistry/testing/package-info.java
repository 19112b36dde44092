/**
 * A registry for tests: real HTTP on a free port of this machine, well-behaved until a one-line setting says otherwise.
 *
 * <p>{@link io.mirrorregistry.testing.TestRegistry} holds images; {@link io.mirrorregistry.testing.TokenService} and
 * {@link io.mirrorregistry.testing.TestStorage} stand beside it; a {@link io.mirrorregistry.testing.Fault} spoils any of them.
 */
package io.mirrorregistry.testing;
