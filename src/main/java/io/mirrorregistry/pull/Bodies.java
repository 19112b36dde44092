package io.mirrorregistry.pull;

import io.mirrorregistry.registry.Call;
import io.mirrorregistry.registry.Registry;
import io.mirrorregistry.registry.RegistryTroubleException;
import java.io.IOException;
import java.io.InputStream;
import org.apache.camel.Exchange;
import org.apache.camel.Message;

/** Reads what registries answer with into memory, up to a bound. */
final class Bodies {

    /** The most that registries have to accept for a manifest, so the most that is to be expected of one. */
    static final int MOST_BYTES = 4 * 1024 * 1024;

    private Bodies() {
    }

    /**
     * Reads the body of the last answer.
     *
     * @throws RegistryTroubleException when it is cut, or larger than 4 MiB, or there is none
     */
    static byte[] read(Exchange exchange) throws RegistryTroubleException {
        Message message = exchange.getMessage();
        Object body = message.getBody();
        if (body instanceof byte[] bytes) {
            return bytes;
        }
        if (!(body instanceof InputStream stream)) {
            throw trouble(exchange, "without a body");
        }
        return read(exchange, stream);
    }

    static byte[] read(Exchange exchange, InputStream stream) throws RegistryTroubleException {
        try (stream) {
            byte[] bytes = stream.readNBytes(MOST_BYTES + 1);
            if (bytes.length > MOST_BYTES) {
                throw trouble(exchange, "with more than " + MOST_BYTES + " bytes");
            }
            return bytes;
        } catch (RegistryTroubleException e) {
            throw e;
        } catch (IOException e) {
            throw trouble(exchange, "with a body that broke off");
        }
    }

    /** Makes the exception for an answer of the last registry that cannot be used. */
    static RegistryTroubleException trouble(Exchange exchange, String how) {
        return new RegistryTroubleException(Registry.lastAsked(exchange).name(), Call.of(exchange) + " was answered " + how);
    }
}
