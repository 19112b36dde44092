/** Copies images in the background to the registry that is asked first. The queue is in a database. */
package io.mirrorregistry.warm;
