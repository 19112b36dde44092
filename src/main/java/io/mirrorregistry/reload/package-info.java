/** Route files while the mirror runs: checking them apart from what serves, and changing over to them. */
package io.mirrorregistry.reload;
