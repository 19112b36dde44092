package io.mirrorregistry.server;

import io.mirrorregistry.protocol.Digest;

/** Tells whether the bytes that have arrived are what was asked for. Used by one thread. */
final class ContentVerifier {

    private static final long UNKNOWN = -1;

    private final Digest.Check check;
    private final long length;
    private long count;

    private ContentVerifier(Digest.Check check, long length) {
        this.check = check;
        this.length = length;
    }

    /**
     * Returns the proof of a whole blob: its digest tells.
     *
     * @param length what the registry says, in bytes; -1 where it does not
     */
    static ContentVerifier ofWhole(Digest digest, long length) {
        return new ContentVerifier(digest.check(), length);
    }

    /**
     * Returns the proof of a part, of which nobody can tell whether it is right, but for its length.
     *
     * @param length in bytes
     */
    static ContentVerifier ofPart(long length) {
        return new ContentVerifier(null, length);
    }

    /**
     * Takes the next bytes. Returns false if there are more than the length says: they must not go out, as the client would take what
     * comes after its answer for the next answer.
     */
    boolean update(byte[] bytes, int more) {
        count += more;
        if (check != null) {
            check.update(bytes, more);
        }
        return length == UNKNOWN || count <= length;
    }

    /** Returns how many bytes have arrived. */
    long count() {
        return count;
    }

    /** Returns whether all bytes are there and right. More bytes may follow if not. */
    boolean passes() {
        return (length == UNKNOWN || count == length) && (check == null || check.passes());
    }
}
