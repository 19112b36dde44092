package io.mirrorregistry.access;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.function.Supplier;

/** Gets a new password: asked for twice on a console, or one line of standard input. */
final class PasswordInput {

    private final Supplier<Prompt> console;
    private final InputStream in;

    /** Asks a person on a console, without echo. */
    @FunctionalInterface
    interface Prompt {

        /** Returns the answer; null at the end of input. */
        char[] ask(String question);
    }

    /** Stands for bytes that are no character in the locale's encoding. */
    private static final char UNREADABLE = '\uFFFD';

    /**
     * @param console returns null if there is no console; is asked only when a password is needed
     * @param in gives the password if there is no console
     */
    PasswordInput(Supplier<Prompt> console, InputStream in) {
        this.console = console;
        this.in = in;
    }

    /**
     * Returns a password of 1 to 72 bytes in UTF-8.
     *
     * @throws RefusedException if the password cannot work, or was not typed twice the same
     */
    byte[] read(String user) throws IOException, RefusedException {
        Prompt prompt = console.get();
        byte[] password = prompt == null ? line() : typed(prompt, user);
        if (password.length == 0) {
            throw new RefusedException("The password is empty.");
        }
        if (password.length > Logins.MOST_PASSWORD_BYTES) {
            throw new RefusedException("The password is longer than " + Logins.MOST_PASSWORD_BYTES + " bytes, which bcrypt cannot tell apart.");
        }
        String text;
        try {
            text = StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(password)).toString();
        } catch (CharacterCodingException e) {
            throw new RefusedException("The password is not UTF-8.");
        }
        if (text.indexOf(UNREADABLE) >= 0) {
            throw new RefusedException("The password has characters that the locale of this terminal does not have; set LC_ALL=C.UTF-8.");
        }
        // RFC 7617: neither name nor password of a Basic login has control characters.
        if (text.chars().anyMatch(Character::isISOControl)) {
            throw new RefusedException("The password has a control character.");
        }
        return password;
    }

    private static byte[] typed(Prompt prompt, String user) throws RefusedException {
        char[] first = prompt.ask("Password for " + user + ": ");
        char[] second = first == null ? null : prompt.ask("The same password again: ");
        if (second == null) {
            throw new RefusedException("No password was typed.");
        }
        if (!Arrays.equals(first, second)) {
            throw new RefusedException("The two passwords differ.");
        }
        ByteBuffer bytes = StandardCharsets.UTF_8.encode(CharBuffer.wrap(first));
        return Arrays.copyOf(bytes.array(), bytes.remaining());
    }

    /** Reads to the end of the first line, and no further than needed to see that it is too long. */
    private byte[] line() throws IOException {
        ByteArrayOutputStream line = new ByteArrayOutputStream();
        // One more than the longest password with the carriage return that may end it.
        for (int next = in.read(); next >= 0 && next != '\n' && line.size() < Logins.MOST_PASSWORD_BYTES + 2; next = in.read()) {
            line.write(next);
        }
        byte[] bytes = line.toByteArray();
        return bytes.length > 0 && bytes[bytes.length - 1] == '\r' ? Arrays.copyOf(bytes, bytes.length - 1) : bytes;
    }
}
