package io.mirrorregistry.protocol;

/**
 * The error codes this mirror answers with, each with the HTTP status it is told with.
 *
 * @see <a href="https://github.com/opencontainers/distribution-spec/blob/v1.1.0/spec.md#error-codes">OCI error codes</a>
 */
public enum ErrorCode {
    NAME_INVALID(400),
    MANIFEST_INVALID(400),
    DIGEST_INVALID(400),
    /** An upload request that violates the protocol, or whose body contradicts its headers. */
    BLOB_UPLOAD_INVALID(400),
    /** Of the distribution project, for an {@code n} that is no number. */
    PAGINATION_NUMBER_INVALID(400),
    /** Without credentials, or with some that prove nothing. */
    UNAUTHORIZED(401),
    /** What a route refuses to serve, or a user may not have. */
    DENIED(403),
    NAME_UNKNOWN(404),
    MANIFEST_UNKNOWN(404),
    BLOB_UNKNOWN(404),
    /** An upload that nobody has begun, or that is over. */
    BLOB_UPLOAD_UNKNOWN(404),
    /** A path that is none of the protocol's. */
    NOT_FOUND(404),
    /** A method that this mirror does not serve. */
    UNSUPPORTED(405),
    /** A body that is longer than it may be. */
    SIZE_INVALID(413),
    /** A range that lies outside a blob. */
    RANGE_INVALID(416),
    TOOMANYREQUESTS(429),
    /** A failure of the mirror itself. */
    UNKNOWN(500),
    UNAVAILABLE(503),
    /** A request that this mirror has sent, and that came back to it. */
    LOOP_DETECTED(508);

    private final int status;

    ErrorCode(int status) {
        this.status = status;
    }

    /** Returns the HTTP status that goes with this code. */
    public int status() {
        return status;
    }
}
