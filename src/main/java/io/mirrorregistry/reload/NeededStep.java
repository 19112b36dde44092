package io.mirrorregistry.reload;

/**
 * A step that a setting needs: some way from the front door has to lead to it.
 *
 * @param setting the setting with its value, such as {@code mirror.push.registry=cold}
 * @param bean the bean that the step calls
 * @param method the method of the bean
 * @param remedy what to do where no way leads there: the end of a sentence
 */
public record NeededStep(String setting, String bean, String method, String remedy) {

    /** Returns the cause of the fault where no way leads there. */
    String missing() {
        return setting + " cannot work: no step of these routes leads from here to the step " + bean + "." + method + "; " + remedy;
    }
}
