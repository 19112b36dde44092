package io.mirrorregistry.access;

/**
 * Whom a request comes from, as was proved. Groups are not part of it: the current {@link Policy} knows them.
 *
 * @param kind how it was proved
 * @param name the user's name; empty for {@link #NOBODY}
 */
public record Subject(Kind kind, String name) {

    /** A request without credentials, or with those of an unknown user that {@code unknown-credentials} treats as none. */
    public static final Subject NOBODY = new Subject(Kind.NOBODY, "");

    /** How a subject has proved who it is. */
    public enum Kind {
        /** Not at all. */
        NOBODY,
        /** By a password, in the file of users. */
        USER,
        /** By a token, in the file of robots. */
        ROBOT,
        /** By a token of an issuer; its name begins with the literal text of the issuer's {@code user}, such as {@code github:}. */
        ISSUER
    }

    public boolean isNobody() {
        return kind == Kind.NOBODY;
    }
}
