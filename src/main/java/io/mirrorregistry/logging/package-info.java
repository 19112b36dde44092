/** How log lines are written. */
package io.mirrorregistry.logging;
