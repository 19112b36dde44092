/** Reading files that operators and mounts provide: every read has a bound, nothing but a regular file is opened, and each fault is a sentence with its place. */
package io.mirrorregistry.files;
