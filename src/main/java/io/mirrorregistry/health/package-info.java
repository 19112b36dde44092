/** The health of each registry. */
package io.mirrorregistry.health;
