package io.mirrorregistry;

/** Starts the mirror. */
public final class MirrorRegistry {

    private MirrorRegistry() {
    }

    public static void main(String[] args) {
        throw new UnsupportedOperationException("not yet");
    }
}
