package io.mirrorregistry.warm;

/** An image cannot be copied, for a reason other than an outage of a registry. */
final class CopyFailedException extends Exception {

    /** The reasons, with their names in metrics. */
    enum Reason {
        /** No source has it. */
        NOT_FOUND("not-found", false),
        /** The sources that can be asked now do not have it, and other sources are away. */
        SOURCE_AWAY("away", true),
        /** The settings of this mirror do not define the sources. */
        UNDEFINED("undefined", true),
        /** The destination refuses it. */
        REFUSED("refused", false),
        /** The mirror's account may not write it at the destination. */
        DENIED("denied", true),
        /** A source sent bytes of another digest. */
        DIGEST("digest", true),
        /** The tag no longer means the image that it meant when the copy began. */
        MOVED("moved", true),
        /** The image is of a kind that is not copied. */
        UNSUPPORTED("unsupported", false),
        /** The destination responded against the protocol. */
        PROTOCOL("protocol", true),
        /** A person has cancelled it, or another mirror copies it. */
        CANCELLED("cancelled", false);

        private final String label;
        private final boolean retried;

        Reason(String label, boolean retried) {
            this.label = label;
            this.retried = retried;
        }

        String label() {
            return label;
        }

        /** Returns whether another attempt may succeed. */
        boolean isRetried() {
            return retried;
        }
    }

    private final Reason reason;

    /** @param message one sentence for a person */
    CopyFailedException(Reason reason, String message) {
        super(message, null, false, false);
        this.reason = reason;
    }

    Reason reason() {
        return reason;
    }
}
