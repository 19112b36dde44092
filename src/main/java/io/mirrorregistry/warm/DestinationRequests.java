package io.mirrorregistry.warm;

import io.mirrorregistry.push.Target;
import io.mirrorregistry.registry.PushBodyException;
import io.mirrorregistry.registry.PushResponse;
import io.mirrorregistry.registry.RegistryTroubleException;
import io.mirrorregistry.warm.CopyFailedException.Reason;
import java.util.stream.Collectors;

/** Sends requests to the destination of copies, and words their refusals. */
final class DestinationRequests {

    private DestinationRequests() {
    }

    /** A request to the destination. */
    interface Request {

        PushResponse send() throws RegistryTroubleException, PushBodyException;
    }

    /** Sends a request. */
    static PushResponse send(Request request) throws RegistryTroubleException, CopyFailedException {
        try {
            return request.send();
        } catch (PushBodyException e) {
            throw new CopyFailedException(Reason.PROTOCOL, e.getMessage());
        }
    }

    /** Returns the failure for a refused request. Another attempt may succeed. */
    static CopyFailedException failure(Target target, String what, PushResponse response) {
        return new CopyFailedException(response.status() == 403 ? Reason.DENIED : Reason.PROTOCOL, sentence(target, what, response));
    }

    /** Returns a sentence with the request and the response that refuses it. */
    static String sentence(Target target, String what, PushResponse response) {
        String why = response.errors().stream().map(problem -> (problem.code() + " " + problem.message()).strip()).collect(Collectors.joining(", "));
        return "Registry " + target.registry().name() + " responded " + response.status() + " to the " + what + " in " + target.name() + (why.isEmpty() ? "." : ": " + why);
    }
}
