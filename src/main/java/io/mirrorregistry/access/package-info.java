/**
 * Who may pull: users, robots and issuers of tokens, the rules that decide, and the mirror's own token service. Nothing here is used, or loaded, while
 * {@code mirror.access.file} is empty.
 */
package io.mirrorregistry.access;
