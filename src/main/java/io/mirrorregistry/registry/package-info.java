/** Calls to registries: authorization, redirects, and what their answers mean. */
package io.mirrorregistry.registry;
