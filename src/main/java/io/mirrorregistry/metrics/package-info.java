/** What the mirror counts and times. */
package io.mirrorregistry.metrics;
