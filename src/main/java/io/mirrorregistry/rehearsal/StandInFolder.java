package io.mirrorregistry.rehearsal;

import io.mirrorregistry.protocol.ApiPath;
import io.mirrorregistry.registry.Call;
import io.mirrorregistry.registry.CallContext;
import io.mirrorregistry.registry.RegistryTroubleException;
import java.io.ByteArrayInputStream;
import org.apache.camel.Exchange;
import org.apache.camel.Message;

/** The stand-in for a folder of images, a bean of routes as {@code FolderRegistry} is. */
public final class StandInFolder {

    private final String registry;
    private final Scene scene;

    StandInFolder(String registry, Scene scene) {
        this.registry = registry;
        this.scene = scene;
    }

    /**
     * Responds to the {@link Call} that the exchange carries.
     *
     * @throws RegistryTroubleException when the folder stands for one that cannot be read
     */
    public void answer(Exchange exchange) throws RegistryTroubleException {
        Call call = CallContext.of(exchange).call();
        Scene.Response made = scene.response(registry, call.path());
        if (made == null || made.status() >= 500) {
            throw new RegistryTroubleException(registry, call + ": the folder cannot be read");
        }
        Message message = exchange.getMessage();
        message.removeHeaders("*");
        message.setBody(null);
        // A folder never redirects, and refuses nobody.
        message.setHeader(Exchange.HTTP_RESPONSE_CODE, made.status() < 400 ? 200 : 404);
        if (made.status() < 400) {
            byte[] body = made.status() < 300 ? made.body() : Scene.BLOB;
            made.headers().forEach((name, value) -> {
                if (name.equals("Content-Type") || name.equals("Docker-Content-Digest")) {
                    message.setHeader(name, value);
                }
            });
            message.setHeader(Exchange.CONTENT_LENGTH, String.valueOf(body.length));
            message.setBody(call.head() ? null : call.path().kind() == ApiPath.Kind.BLOB ? new ByteArrayInputStream(body) : body);
        }
    }
}
