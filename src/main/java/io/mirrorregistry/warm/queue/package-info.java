/** The queue of images to copy, in a database. */
package io.mirrorregistry.warm.queue;
