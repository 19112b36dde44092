package io.mirrorregistry.registry;

import java.util.Locale;

/** Whether a registry lets the mirror in, as far as its responses and those of its token service show. */
public enum AccountState {
    /** Nothing shows that the registry wants another account. */
    FINE,
    /** The registry, or its token service, refuses our account. */
    REFUSED,
    /** The registry wants an account, and none is set. */
    MISSING;

    /** Returns its name for people and programs: {@code fine}, {@code refused} or {@code missing}. */
    public String label() {
        return name().toLowerCase(Locale.ROOT);
    }

    /**
     * Says what to do about it, with the settings of the registry; no name and no password.
     *
     * @return a phrase such as "it does not accept our account: check mirror.registry.hot.username …"; null if there is nothing to do
     */
    public String problem(String registry) {
        String settings = "mirror.registry." + registry + ".username and mirror.registry." + registry + ".password or mirror.registry." + registry
                + ".password-file";
        return switch (this) {
            case FINE -> null;
            case REFUSED -> "it does not accept our account: check " + settings;
            case MISSING -> "it wants an account and none is set: set " + settings;
        };
    }
}
