package soak;

/** What can happen to a registry. */
enum Fault {

    KILLED(true), STOPPED(true), REFUSING(true), SILENT(true), ERRORS(true), THROTTLED(true),
    RESET(false), CUT(false), DRIPPING(false),
    /** Slower, but within the mirror's timeouts: no excuse for anything. */
    SLOW(false);

    /** Whether nobody can learn anything from the registry, so that it cannot be the source of any answer. */
    final boolean away;

    Fault(boolean away) {
        this.away = away;
    }

    boolean isTrouble() {
        return this != SLOW;
    }
}
