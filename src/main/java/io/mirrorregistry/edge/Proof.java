package io.mirrorregistry.edge;

import io.mirrorregistry.protocol.Digest;

/** Tells whether the bytes that have come are what was asked for. */
interface Proof {

    /** Takes the next bytes. */
    void update(byte[] bytes, int count);

    /** Returns whether all that has come is right; call it once, at the end. */
    boolean passes();

    /** Returns the proof of a whole blob: its digest tells. */
    static Proof ofWhole(Digest digest) {
        Digest.Check check = digest.check();
        return new Proof() {
            @Override
            public void update(byte[] bytes, int count) {
                check.update(bytes, count);
            }

            @Override
            public boolean passes() {
                return check.passes();
            }
        };
    }

    /**
     * Returns the proof of a part, of which nobody can tell whether it is right, but for its length.
     *
     * @param length in bytes
     */
    static Proof ofPart(long length) {
        return new Proof() {
            private long left = length;

            @Override
            public void update(byte[] bytes, int count) {
                left -= count;
            }

            @Override
            public boolean passes() {
                return left == 0;
            }
        };
    }
}
