package io.mirrorregistry.protocol;

/** A request that is answered with an OCI error instead of what was asked for. */
public final class ProtocolException extends Exception {

    private final ErrorCode code;
    private final String detail;

    /**
     * @param code what is wrong, in the protocol's terms
     * @param message one sentence for a person; goes to the client
     * @param detail what was refused, as the client sent it; goes to the client; may be null
     */
    public ProtocolException(ErrorCode code, String message, String detail) {
        super(message, null, false, false);
        this.code = code;
        this.detail = detail;
    }

    public ErrorCode code() {
        return code;
    }

    public String detail() {
        return detail;
    }
}
