/** What all work on requests shares: when the process has to end. */
package io.mirrorregistry.work;
