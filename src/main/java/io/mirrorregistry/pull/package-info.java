/** One request on its way through the registries: the steps that routes are made of, and what is remembered between them. */
package io.mirrorregistry.pull;
