/** The HTTP edge: what comes in from clients, and what may go out to them. */
package io.mirrorregistry.server;
