package io.mirrorregistry.warm;

import io.mirrorregistry.protocol.Digest;
import io.mirrorregistry.registry.OpenBodies;
import io.mirrorregistry.registry.PushBody;
import io.mirrorregistry.registry.PushBodyException;
import io.mirrorregistry.registry.RegistryTroubleException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.function.ObjIntConsumer;
import java.util.stream.Collectors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The bytes of a blob from an offset on, as a source sends them, for one request or several to the destination. If the source breaks off, it is asked for
 * the remaining bytes. Used by one thread, but for {@link PushBody#written} of its parts, which is for any thread.
 */
final class SourceBody implements AutoCloseable {

    private static final Logger LOG = LoggerFactory.getLogger(SourceBody.class);
    private static final int BUFFER_BYTES = 64 * 1024;
    /** A source that needs longer than {@link #LEAST_BYTES_NANOS} for this number of bytes is in trouble. */
    private static final long LEAST_BYTES = 1024 * 1024;
    private static final long LEAST_BYTES_NANOS = TimeUnit.MINUTES.toNanos(5);
    /** How often in a row a source may break off before it has sent {@link #BUFFER_BYTES}. Then the next source is asked. */
    private static final int MOST_BREAKS = 3;

    private final Sources sources;
    private final Digest digest;
    private final long size;
    private final Throttle throttle;
    private final BooleanSupplier cancelled;
    private final ObjIntConsumer<String> copied;
    private final byte[] buffer = new byte[BUFFER_BYTES];
    /** Null if bytes before the offset were not read, so that the destination alone verifies the digest. */
    private final Digest.Check check;
    private InputStream stream;
    private Source from;
    /** The sources that have sent the bytes since the offset. */
    private final Set<Source> used = new LinkedHashSet<>();
    private long position;
    private int filled;
    /** How many bytes of the stream belong before the position. */
    private long before;
    /** The time spent in reads, and the bytes that they got, since {@link #LEAST_BYTES} were last complete. */
    private long waited;
    private long received;
    /** The position at which the stream began. */
    private long opened;
    private int breaks;
    /** The sources that broke off too often, or were too slow. */
    private final Set<Source> broken = new HashSet<>();
    /** Why the body could not be read; null if it could. */
    private Exception failure;

    /**
     * @param size how many bytes the blob has
     * @param offset the first byte
     * @param copied gets the name of the source and the number of bytes that the destination took, again and again
     */
    SourceBody(Sources sources, Digest digest, long size, long offset, Throttle throttle, BooleanSupplier cancelled,
            ObjIntConsumer<String> copied) {
        this.sources = sources;
        this.digest = digest;
        this.size = size;
        this.position = offset;
        this.throttle = throttle;
        this.cancelled = cancelled;
        this.copied = copied;
        this.check = offset == 0 ? digest.check() : null;
    }

    /** Returns the offset of the next byte. */
    long position() {
        return position;
    }

    /** Returns whether the body could not be read, by the fault of sources or because the copy was cancelled. */
    boolean hasFailed() {
        return failure != null;
    }

    /** Throws the failure of the source, if the request failed because of it. */
    void throwFailure() throws RegistryTroubleException, CopyFailedException {
        if (failure instanceof RegistryTroubleException trouble) {
            throw trouble;
        } else if (failure instanceof CopyFailedException failed) {
            throw failed;
        }
    }

    /** Returns the next bytes as the body of one request. The last bytes of the blob are sent only if the digest of all bytes is correct. */
    PushBody part(long length) {
        return new PushBody() {

            private volatile long written;

            @Override
            public long length() {
                return length;
            }

            @Override
            public long written() {
                return written;
            }

            @Override
            public void writeTo(OutputStream out) throws IOException {
                while (written < length) {
                    // Bytes in the buffer were read for a write that failed.
                    if (filled == 0) {
                        filled = read((int) Math.min(BUFFER_BYTES, length - written));
                    }
                    out.write(buffer, 0, filled);
                    written += filled;
                    position += filled;
                    copied.accept(from.registry().name(), filled);
                    filled = 0;
                }
            }
        };
    }

    private int read(int most) throws PushBodyException {
        try {
            while (true) {
                if (cancelled.getAsBoolean()) {
                    throw new CopyFailedException(CopyFailedException.Reason.CANCELLED, "The copy was cancelled.");
                }
                if (stream == null) {
                    open();
                }
                int read = readOnce(before > 0 ? (int) Math.min(before, BUFFER_BYTES) : most);
                if (read > 0 && before > 0) {
                    before -= read;
                    throttle.take(read);
                    continue;
                }
                if (read > 0) {
                    verify(read);
                    throttle.take(read);
                    return read;
                }
                close();
                breaks = position - opened < BUFFER_BYTES ? breaks + 1 : 1;
                if (breaks > MOST_BREAKS) {
                    askAnother("the blob " + digest + " broke off after " + position + " of " + size + " bytes");
                }
            }
        } catch (RegistryTroubleException | CopyFailedException e) {
            failure = e;
            throw new PushBodyException(e.getMessage(), false);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            failure = new CopyFailedException(CopyFailedException.Reason.CANCELLED, "The mirror is stopping.");
            throw new PushBodyException(failure.getMessage(), false);
        }
    }

    private void verify(int read) throws CopyFailedException {
        if (check == null) {
            return;
        }
        check.update(buffer, read);
        used.add(from);
        if (position + read == size && !check.passes()) {
            sources.distrust(used);
            sources.distrust(broken);
            String names = used.stream().map(source -> source.registry().name()).collect(Collectors.joining(", "));
            throw new CopyFailedException(CopyFailedException.Reason.DIGEST, "Registry " + names + " sent other bytes than those of the blob " + digest + ".");
        }
    }

    private void open() throws RegistryTroubleException, CopyFailedException {
        stream = sources.ask("the blob " + digest, source -> {
            Source.Bytes bytes = source.blob(digest, position, size);
            before = bytes.before();
            from = source;
            return bytes.stream();
        });
        opened = position;
    }

    /** Lets the next source send the remaining bytes, unless all have had their turn. */
    private void askAnother(String failure) throws RegistryTroubleException {
        if (!broken.add(from) || broken.size() == sources.count()) {
            throw new RegistryTroubleException(from.registry().name(), failure);
        }
        LOG.atWarn().addKeyValue("registry", from.registry().name()).log("Registry {} is in trouble: {}; the next source is asked", from.registry().name(), failure);
        close();
        sources.distrust(List.of(from));
        breaks = 0;
        waited = 0;
        received = 0;
    }

    /** Returns how many bytes were read, as many as are there at once; 0 if the source broke off. */
    private int readOnce(int most) throws RegistryTroubleException {
        long began = System.nanoTime();
        int read;
        try {
            read = Math.max(0, stream.read(buffer, 0, most));
        } catch (IOException e) {
            read = 0;
        }
        requirePace(System.nanoTime() - began, read);
        return read;
    }

    /** Asks the next source if this one is too slow: a byte now and then would occupy a copying thread for days. */
    private void requirePace(long nanos, int read) throws RegistryTroubleException {
        waited += nanos;
        received += read;
        if (received >= LEAST_BYTES) {
            waited = 0;
            received = 0;
        } else if (waited > LEAST_BYTES_NANOS) {
            askAnother("the blob " + digest + " came too slowly: " + received + " bytes in " + TimeUnit.NANOSECONDS.toSeconds(waited) + " s");
        }
    }

    @Override
    public void close() {
        if (stream != null) {
            OpenBodies.close(stream);
            stream = null;
        }
    }
}
