package io.mirrorregistry.pull;

import io.mirrorregistry.registry.Call;
import io.mirrorregistry.registry.Registry;
import io.mirrorregistry.registry.RegistryTroubleException;
import org.apache.camel.Exchange;
import org.apache.camel.Message;

/** Takes what registries have answered with. */
final class Bodies {

    private Bodies() {
    }

    /**
     * Returns the body of the last answer.
     *
     * @throws RegistryTroubleException when there is none
     */
    static byte[] read(Exchange exchange) throws RegistryTroubleException {
        Message message = exchange.getMessage();
        if (!(message.getBody() instanceof byte[] bytes)) {
            throw trouble(exchange, "without a body");
        }
        return bytes;
    }

    /** Makes the exception for an answer of the last registry that cannot be used. */
    static RegistryTroubleException trouble(Exchange exchange, String how) {
        return new RegistryTroubleException(Registry.lastAsked(exchange).name(), Call.of(exchange) + " was answered " + how);
    }
}
