/** Who is asked for a request: the plan, and the strategies that make one. */
package io.mirrorregistry.plan;
