/** The lists of {@code mirror.warm.file}: images that are copied without a pull, and which of their tags. */
package io.mirrorregistry.warm.list;
