package io.mirrorregistry.work;

/** A place in a {@link Bulkhead}. */
public interface Place extends AutoCloseable {

    /** Gives the place back. Only the first call has an effect. For any thread. */
    @Override
    void close();
}
