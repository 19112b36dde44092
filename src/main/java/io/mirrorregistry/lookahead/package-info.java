/** Calls that no client waits for yet: a registry is asked for the blobs of a manifest while the client reads the manifest. */
package io.mirrorregistry.lookahead;
