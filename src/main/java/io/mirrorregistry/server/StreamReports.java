package io.mirrorregistry.server;

import io.mirrorregistry.logging.RepeatedFault;
import io.mirrorregistry.metrics.Metrics;
import io.mirrorregistry.pull.Pull;
import io.mirrorregistry.registry.Call;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.slf4j.event.Level;

/** Counts and logs what becomes of streams. For any thread. */
final class StreamReports {

    private static final Logger LOG = LoggerFactory.getLogger(StreamStep.class);

    private final RepeatedFault cuts = new RepeatedFault(LOG, Level.WARN);
    private final RepeatedFault resumptions = new RepeatedFault(LOG, Level.INFO);
    private final Metrics metrics;

    StreamReports(Metrics metrics) {
        this.metrics = metrics;
    }

    /** Why a registry did not send a blob to its end. */
    enum Reason {
        /** Its connection was closed or reset, or it sent fewer bytes than it stated. */
        BROKE_OFF("broke off"),
        /** It sent nothing for its response-timeout. */
        STALLED("stalled");

        private final String words;

        Reason(String words) {
            this.words = words;
        }

        String words() {
            return words;
        }
    }

    /** Counts bytes that are written to a client. */
    void streamed(String registry, long bytes) {
        metrics.streamed(registry, bytes);
    }

    /**
     * Counts and logs that another response has begun to send the rest.
     *
     * @param lost the registry that sent the bytes before them
     * @param by the registry that sends the rest
     * @param after how many bytes were there
     */
    void resumed(Pull pull, Call call, String lost, Reason reason, String by, long after) {
        metrics.streamResumed(lost, reason.words.replace(' ', '-'), by);
        resumptions.log("resumed " + lost + ' ' + by, by, pull.requestId(), null,
                "Registry " + by + " sends the rest of " + call + " after " + after + " bytes, since " + lost + " " + reason.words);
    }

    /**
     * Logs that the client's response is cut.
     *
     * @param how what the registry did: "sent other bytes"
     */
    void cut(Pull pull, Call call, String registry, String how) {
        cuts.log("cut " + registry, registry, pull.requestId(), null,
                "Registry " + registry + " " + how + ": " + call + "; the client's response is cut");
    }

    /** Logs that a file of a folder cannot be sent. */
    void unreadable(Pull pull, String registry, String file, String why) {
        cuts.log("file " + registry, registry, pull.requestId(), null, "Registry " + registry + " has a file that cannot be sent: " + file + ": " + why);
    }
}
