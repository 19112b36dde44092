/** The rehearsal of routes: requests without a client, against stand-ins for registries, before the routes serve. */
package io.mirrorregistry.rehearsal;
