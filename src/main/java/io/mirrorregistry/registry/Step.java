package io.mirrorregistry.registry;

import java.lang.annotation.Documented;
import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/**
 * Marks a method that routes may call as a step {@code bean}, and lists what the method reads and writes. The table of steps in docs/routes.md is
 * generated from it. {@link #needs} and {@link #sets} contain names of variables and of the facts that docs/routes.md explains; {@code "a or b"}
 * means one of the two.
 */
@Documented
@Retention(RetentionPolicy.RUNTIME)
@Target(ElementType.METHOD)
public @interface Step {

    /** Returns what an earlier step of the route must have set. */
    String[] needs() default {};

    /** Returns what later steps of the route can read. */
    String[] sets() default {};

    /** Returns the exceptions that a method throws later, through the stage that it returns. The exceptions that it declares are not repeated. */
    Class<? extends Exception>[] fails() default {};
}
