package io.mirrorregistry.registry.http;

import io.mirrorregistry.protocol.ApiPath;
import io.mirrorregistry.registry.Call;
import io.mirrorregistry.registry.CallTime;
import io.mirrorregistry.registry.CutOffEntity;
import io.mirrorregistry.registry.RegistryAnswers;
import io.mirrorregistry.registry.RegistryTroubleException;
import io.mirrorregistry.registry.Slowness;
import io.mirrorregistry.registry.Slowness.Ending;
import org.apache.hc.core5.http.ClassicHttpRequest;
import org.apache.hc.core5.http.ClassicHttpResponse;
import org.apache.hc.core5.http.HttpHeaders;

/**
 * Reports the calls of one registry to its {@link Slowness}: those for manifests and blobs, and probes, with the tokens and redirects that each of them
 * takes. A list may take long at a registry that is quick otherwise, so lists do not count. Thread-safe.
 */
final class ResponseTimes {

    private final Slowness slowness;

    ResponseTimes(Slowness slowness) {
        this.slowness = slowness;
    }

    /** Reports a response. A manifest is in time only if its body is, too. */
    void responded(ClassicHttpRequest request, ApiPath path, ClassicHttpResponse response, CallTime time) {
        if (!isCounted(path)) {
            return;
        }
        long taken = time.toResponse();
        boolean useful = response.getCode() < 500 && response.getCode() != 408 && response.getCode() != 429;
        if (path.kind() == ApiPath.Kind.MANIFEST && useful && response.getEntity() instanceof CutOffEntity body) {
            body.whenRead(inTime -> note(request, path, time.toResponse(), inTime ? Ending.RESPONSE : ending(time.outage())));
            useful = false;
        }
        note(request, path, taken, useful ? Ending.RESPONSE : Ending.OTHER_RESPONSE);
    }

    /** Reports that a call has failed. */
    void failed(ClassicHttpRequest request, ApiPath path, RegistryTroubleException.Kind kind, CallTime time) {
        if (isCounted(path)) {
            note(request, path, time.toResponse(), ending(kind));
        }
    }

    private static boolean isCounted(ApiPath path) {
        return path.kind() == ApiPath.Kind.MANIFEST || path.kind() == ApiPath.Kind.BLOB || path.kind() == ApiPath.Kind.API_VERSION;
    }

    private static Ending ending(RegistryTroubleException.Kind kind) {
        return switch (kind) {
            case SLOW -> Ending.NOT_YET;
            case REFUSED, THROTTLED -> Ending.OTHER_RESPONSE;
            default -> Ending.NO_RESPONSE;
        };
    }

    private void note(ClassicHttpRequest request, ApiPath path, long taken, Ending ending) {
        if (ending == Ending.NOT_YET || slowness.concerns(taken)) {
            slowness.ended(new Call(request.getMethod().equals("HEAD"), path, null, RegistryAnswers.value(request, HttpHeaders.ACCEPT),
                    RegistryAnswers.value(request, HttpHeaders.RANGE), RegistryClient.redirects(request)), taken, ending);
        }
    }
}
