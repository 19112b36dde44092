/** The settings: where they come from, what they mean, and what is refused. */
package io.mirrorregistry.config;
