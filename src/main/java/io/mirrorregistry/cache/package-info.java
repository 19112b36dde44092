/** What the mirror remembers of registries' answers, and one call to a registry for many clients that want the same. */
package io.mirrorregistry.cache;
