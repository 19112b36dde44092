package io.mirrorregistry.rehearsal;

/** How a stand-in for a registry responds to every call but {@code /v2/}. */
enum Manner {

    /** 200, without authorization. */
    HAS("has it"),
    /** 200, after authorization, so that blobs are streamed. */
    HAS_FOR_TOKENS("has it for those with a token"),
    /** As {@link #HAS_FOR_TOKENS}, but a blob breaks off after its head, unless a part of it is asked for. */
    BREAKS_OFF("breaks off in the middle of blobs"),
    /** 307 for a blob, otherwise as {@link #HAS}. */
    REDIRECTS("redirects to a storage"),
    /** 404. */
    LACKS("responds 404"),
    /** 401, and the account is refused everywhere. */
    REFUSES("refuses the mirror with 401"),
    /** 403, and the account is accepted elsewhere. */
    FORBIDS("responds 403 for this image"),
    /** 400 for a push, with an error body; for a pull as {@link #LACKS}. */
    DISLIKES("responds 400"),
    /** 429. */
    THROTTLES("responds 429"),
    /** 500. */
    FAILS("responds 500"),
    /** The connection breaks. */
    BREAKS("cannot be reached"),
    /** The circuit breaker is open. */
    IS_OPEN("is not asked, for its breaker is open");

    private final String words;

    Manner(String words) {
        this.words = words;
    }

    /** Returns the end of a sentence that begins with the registry's name. */
    String words() {
        return words;
    }
}
