package io.mirrorregistry.config;

import io.mirrorregistry.files.BoundedFile;
import io.mirrorregistry.files.Denied;
import io.mirrorregistry.files.FileStamp;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystemException;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.LongSupplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * An account whose password is in a file. A new password takes effect within a second, also where Kubernetes swaps the link that leads
 * to the file. While the file cannot be used, the last password stays valid.
 */
final class PasswordFile implements Account {

    private static final Logger LOG = LoggerFactory.getLogger(PasswordFile.class);
    private static final int MOST_BYTES = 64 * 1024;
    private static final long LOOK_NANOS = TimeUnit.SECONDS.toNanos(1);

    private final String registry;
    private final String username;
    private final Path file;
    private final LongSupplier nanos;
    private volatile Credentials credentials;
    private volatile long looked;
    /** Guards all below. A thread that finds it locked does not wait: it uses the last password. */
    private final ReentrantLock looking = new ReentrantLock();
    private FileStamp stamp;
    /** Why the file could not be used at the last look; null where it could. */
    private String problem;

    /**
     * Reads the file.
     *
     * @param registry the registry's name, for the log
     * @param nanos the clock, {@link System#nanoTime}
     * @throws IOException if the file holds no password; its message ends a sentence about the file
     */
    PasswordFile(String registry, String username, Path file, LongSupplier nanos) throws IOException {
        this.registry = registry;
        this.username = username;
        this.file = file;
        this.nanos = nanos;
        this.looked = nanos.getAsLong();
        // Before the content: a change between the two is then found at the next look.
        this.stamp = stamp();
        this.credentials = new Credentials(username, password());
    }

    @Override
    public Credentials current() {
        if (nanos.getAsLong() - looked >= LOOK_NANOS && looking.tryLock()) {
            try {
                long now = nanos.getAsLong();
                if (now - looked >= LOOK_NANOS) {
                    looked = now;
                    look();
                }
            } finally {
                looking.unlock();
            }
        }
        return credentials;
    }

    @Override
    public Credentials renewed() {
        try {
            // Another thread may be looking just now. A file system that hangs holds up no more than this.
            if (looking.tryLock(LOOK_NANOS, TimeUnit.NANOSECONDS)) {
                try {
                    looked = nanos.getAsLong();
                    look();
                } finally {
                    looking.unlock();
                }
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        return credentials;
    }

    private void look() {
        FileStamp now = stamp();
        boolean changed = !now.text().equals(stamp.text());
        if (!changed && stamp.settled()) {
            return;
        }
        stamp = now;
        try {
            Credentials read = new Credentials(username, password());
            if (problem != null || !read.equals(credentials)) {
                LOG.info("Registry {} uses the {} password in {}", registry, read.equals(credentials) ? "same" : "new", file);
            }
            credentials = read;
            problem = null;
        } catch (IOException e) {
            if (changed || !e.getMessage().equals(problem)) {
                LOG.warn("Registry {} keeps its last password; the password file {} cannot be used: {}", registry, file, e.getMessage());
            }
            problem = e.getMessage();
        }
    }

    private FileStamp stamp() {
        return FileStamp.of(file, MOST_BYTES);
    }

    private String password() throws IOException {
        String password;
        try {
            password = StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(BoundedFile.read(file, MOST_BYTES))).toString();
        } catch (CharacterCodingException e) {
            throw new IOException("it is not UTF-8", e);
        } catch (IOException e) {
            throw new IOException(reason(e), e);
        }
        password = password.replaceFirst("\r?\n\\z", "");
        if (password.isEmpty()) {
            throw new IOException("it is empty");
        }
        if (SettingValues.hasControlCharacter(password)) {
            throw new IOException("it has a control character, such as the end of a second line");
        }
        return password;
    }

    private String reason(IOException failure) {
        boolean folder = failure instanceof FileSystemException of && BoundedFile.FOLDER.equals(of.getReason());
        return folder ? "it is a folder" : Denied.reason(file, failure);
    }

    /** Returns the user name and the path, without the password. */
    @Override
    public String toString() {
        return username + " with the password in " + file;
    }
}
