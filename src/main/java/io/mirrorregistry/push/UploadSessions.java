package io.mirrorregistry.push;

import io.mirrorregistry.access.DerivedKey;
import io.mirrorregistry.protocol.ErrorCode;
import io.mirrorregistry.protocol.ProtocolException;
import io.mirrorregistry.protocol.RepositoryName;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.security.GeneralSecurityException;
import java.security.SecureRandom;
import java.time.Duration;
import java.time.Instant;
import java.util.Base64;
import java.util.UUID;
import java.util.function.Supplier;
import java.util.zip.Deflater;
import java.util.zip.DeflaterOutputStream;
import java.util.zip.Inflater;
import java.util.zip.InflaterInputStream;
import javax.crypto.Cipher;
import javax.crypto.spec.GCMParameterSpec;
import javax.crypto.spec.SecretKeySpec;

/**
 * Writes uploads as the last part of a path, and reads them back: sealed with AES-256-GCM, so that no mirror keeps them, nobody else makes or changes
 * one, and each replica with the same secret goes on with any of them. Safe for all threads.
 *
 * <p>The sealed bytes: 12 bytes of nonce, then the compressed fields with their tag of 16 bytes.
 */
public final class UploadSessions {

    /** How long an upload may go on. */
    static final Duration LIFETIME = Duration.ofHours(24);
    /** Clocks of replicas differ. */
    private static final Duration SKEW = Duration.ofMinutes(5);

    private static final String PURPOSE = "mirror-registry: key of uploads, 1";
    private static final String CIPHER = "AES/GCM/NoPadding";
    private static final int NONCE_BYTES = 12;
    private static final int TAG_BITS = 128;
    private static final int VERSION = 1;
    /** What a request line has beside the name of the repository and the sealed upload; of all requests of an upload, the one that ends it is the longest. */
    private static final String REST_OF_LINE = "PATCH /v2//blobs/uploads/?digest=sha512%3A" + "0".repeat(128) + " HTTP/1.1\r\n";
    private static final int MOST_BYTES = 32 * 1024;

    private final SecretKeySpec key;
    private final int longestLine;
    private final SecureRandom random = new SecureRandom();
    private final Supplier<Instant> clock;

    /**
     * @param secret what the key is derived from; null for one that ends with the process
     * @param longestLine how many characters the line of a request may have
     */
    public UploadSessions(String secret, int longestLine) {
        this(secret, longestLine, Instant::now);
    }

    UploadSessions(String secret, int longestLine, Supplier<Instant> clock) {
        this.longestLine = longestLine;
        this.key = new SecretKeySpec(DerivedKey.of(secret, PURPOSE), "AES");
        this.clock = clock;
    }

    /**
     * Returns the upload as text of letters, digits, hyphens and underscores.
     *
     * @return null if its location is so long that the requests that continue the upload would be refused for their length
     */
    String seal(UploadSession session) {
        byte[] nonce = new byte[NONCE_BYTES];
        random.nextBytes(nonce);
        try {
            byte[] sealed = cipher(Cipher.ENCRYPT_MODE, nonce).doFinal(fields(session));
            String text = text(ByteBuffer.allocate(NONCE_BYTES + sealed.length).put(nonce).put(sealed).array());
            return text.length() > longestLine - REST_OF_LINE.length() - session.repository().length() ? null : text;
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException("the upload cannot be sealed", e);
        }
    }

    private static String text(byte[] bytes) {
        return Base64.getUrlEncoder().withoutPadding().encodeToString(bytes);
    }

    /**
     * Returns the upload that {@link #seal} wrote, here or at a replica.
     *
     * @param repository the repository's name in the path
     * @throws ProtocolException BLOB_UPLOAD_UNKNOWN for anything else, for an upload to another repository, and for one that is too old
     */
    public UploadSession open(String text, RepositoryName repository) throws ProtocolException {
        UploadSession session;
        try {
            byte[] bytes = text.length() > longestLine ? new byte[0] : Base64.getUrlDecoder().decode(text);
            if (bytes.length < NONCE_BYTES + TAG_BITS / Byte.SIZE || !text(bytes).equals(text)) {
                // Several texts stand for the same bytes; one of them was sealed.
                throw unknown();
            }
            byte[] nonce = new byte[NONCE_BYTES];
            System.arraycopy(bytes, 0, nonce, 0, NONCE_BYTES);
            session = session(cipher(Cipher.DECRYPT_MODE, nonce).doFinal(bytes, NONCE_BYTES, bytes.length - NONCE_BYTES));
        } catch (GeneralSecurityException | IOException | IllegalArgumentException e) {
            throw unknown();
        }
        Instant now = clock.get();
        if (!session.repository().equals(repository.value()) || session.started().isAfter(now.plus(SKEW)) || session.started().plus(LIFETIME).isBefore(now)) {
            throw unknown();
        }
        return session;
    }

    /** Returns the failure for an upload that does not exist. It is the same for all reasons, so that nobody learns from it. */
    public static ProtocolException unknown() {
        return new ProtocolException(ErrorCode.BLOB_UPLOAD_UNKNOWN, "There is no such upload, or it is over; begin another one.", null);
    }

    private Cipher cipher(int mode, byte[] nonce) throws GeneralSecurityException {
        Cipher cipher = Cipher.getInstance(CIPHER);
        cipher.init(mode, key, new GCMParameterSpec(TAG_BITS, nonce));
        return cipher;
    }

    private static byte[] fields(UploadSession session) {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        Deflater deflater = new Deflater(Deflater.BEST_COMPRESSION, true);
        try (DataOutputStream out = new DataOutputStream(new DeflaterOutputStream(bytes, deflater))) {
            out.writeByte(VERSION);
            out.writeLong(session.id().getMostSignificantBits());
            out.writeLong(session.id().getLeastSignificantBits());
            out.writeUTF(session.registry());
            out.writeUTF(session.location());
            out.writeUTF(session.there().value());
            out.writeUTF(session.repository());
            out.writeUTF(session.user());
            out.writeLong(session.started().getEpochSecond());
            out.writeLong(session.offset());
            out.writeBoolean(session.authorized());
        } catch (IOException e) {
            throw new IllegalStateException("memory takes all bytes", e);
        } finally {
            deflater.end();
        }
        return bytes.toByteArray();
    }

    private static UploadSession session(byte[] fields) throws IOException {
        Inflater inflater = new Inflater(true);
        try (DataInputStream in = new DataInputStream(new ByteArrayInputStream(new InflaterInputStream(new ByteArrayInputStream(fields), inflater).readNBytes(MOST_BYTES)))) {
            if (in.readByte() != VERSION) {
                throw new IOException("an upload of another version");
            }
            return new UploadSession(new UUID(in.readLong(), in.readLong()), in.readUTF(), in.readUTF(), new RepositoryName(in.readUTF()), in.readUTF(), in.readUTF(),
                    Instant.ofEpochSecond(in.readLong()), in.readLong(), in.readBoolean());
        } finally {
            inflater.end();
        }
    }
}
