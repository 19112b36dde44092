/** Strategies that one generation of routes uses: those of the mirror, and those of the jars in the folder of plug-ins. */
package io.mirrorregistry.plugins;
