/** Explains what a client would get for an image, and why: {@code /explain} of the management port, and the command that asks it. */
package io.mirrorregistry.explain;
