/** Reading files that operators and mounts provide: every read has a bound, and nothing but a regular file is opened. */
package io.mirrorregistry.files;
