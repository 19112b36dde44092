/** The page for a person who looks how the mirror is. */
package io.mirrorregistry.status;
