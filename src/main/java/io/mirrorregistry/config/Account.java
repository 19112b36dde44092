package io.mirrorregistry.config;

/** Our account at a registry. Its password may change while the mirror runs, so callers ask for it at each use. */
@FunctionalInterface
public interface Account {

    /** No account: the registry is asked anonymously. */
    Account NONE = () -> null;

    /**
     * Returns the user name and the password that are valid now; null for no account. Any thread may call it, except for an event
     * loop: the call may read a file, at most once a second.
     */
    Credentials current();

    /**
     * Returns the same after the registry has refused the account: a password that has changed within the last second is found too.
     * The call may read a file.
     */
    default Credentials renewed() {
        return current();
    }

    /** Returns an account whose password does not change. */
    static Account of(Credentials credentials) {
        return () -> credentials;
    }
}
