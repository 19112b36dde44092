/** Pushing: where an upload goes on, and what a registry responded. */
package io.mirrorregistry.push;
