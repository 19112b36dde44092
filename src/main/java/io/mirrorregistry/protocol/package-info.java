/** The values of the OCI distribution protocol: names, tags, digests, requests and error codes. */
package io.mirrorregistry.protocol;
