package io.mirrorregistry.registry;

import java.util.List;
import java.util.Map;

/**
 * What a registry responded to a push: a success, or a refusal that is about the request.
 *
 * @param status from 200 to 299, or from 400 to 499 but never 401, 408 and 429; 403 means that the mirror's account may not do this there
 * @param headers the headers by their names in lower case; of several lines of one name, the values are joined with commas
 * @param location where an upload goes on: path and query at the registry's own server, beginning with a slash, or an absolute URL of a server that may
 *     see the mirror's account; null for none
 * @param errors what the body of a refusal says
 * @param authorized whether the request had an Authorization
 */
public record PushResponse(int status, Map<String, String> headers, String location, List<Problem> errors, boolean authorized) {

    /**
     * One error of an error body, as the registry wrote it, without control characters and shortened.
     *
     * @param code such as {@code DIGEST_INVALID}
     * @param message a sentence, perhaps empty
     */
    public record Problem(String code, String message) {
    }

    /** Returns a header; null for none. */
    public String header(String lowerCaseName) {
        return headers.get(lowerCaseName);
    }

    public boolean isSuccess() {
        return status < 300;
    }
}
