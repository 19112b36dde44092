package io.mirrorregistry.access;

import io.mirrorregistry.config.Networks;
import java.util.List;
import java.util.Set;

/**
 * A rule of {@code access.yaml}.
 *
 * @param line its line in the file, from 1
 * @param who whom it is about
 * @param from the addresses of clients that it is about; {@link Networks#NONE} for all
 * @param repositories the repositories that it is about
 * @param may what it allows; empty to refuse all
 */
record Rule(int line, Who who, Networks from, List<NamePattern> repositories, Set<Action> may) {

    /** Whom a rule is about. */
    sealed interface Who {
    }

    /** Everybody, with credentials or without. */
    record Anyone() implements Who {

        @Override
        public String toString() {
            return "anyone";
        }
    }

    /** Each user that has proved who it is. */
    record Users() implements Who {

        @Override
        public String toString() {
            return "users";
        }
    }

    /** @param names a pattern of users' names */
    record User(NamePattern names) implements Who {

        @Override
        public String toString() {
            return "user:" + names;
        }
    }

    /** @param name the group's name */
    record Group(String name) implements Who {

        @Override
        public String toString() {
            return "group:" + name;
        }
    }

    /**
     * Returns whether the rule is about a request.
     *
     * @param groups the groups of the subject
     * @param address the client's IP address; null for none
     */
    boolean fits(Subject subject, Set<String> groups, String address, String repository) {
        return isAbout(subject, groups) && isAbout(repository, subject.name()) && (from == Networks.NONE || from.contain(address == null ? null : Networks.address(address)));
    }

    private boolean isAbout(Subject subject, Set<String> groups) {
        if (who instanceof Anyone) {
            return true;
        }
        if (subject.isNobody()) {
            return false;
        }
        return who instanceof Users || who instanceof User user && user.names.fits(subject.name(), "") || who instanceof Group group && groups.contains(group.name);
    }

    private boolean isAbout(String repository, String user) {
        for (NamePattern pattern : repositories) {
            if (pattern.fits(repository, user)) {
                return true;
            }
        }
        return false;
    }

    /** Returns whether no request can come to another rule after this one, as far as that is easily told. */
    boolean hides(Rule later) {
        boolean whoever = who instanceof Anyone || who instanceof Users && !(later.who instanceof Anyone) || who.toString().equals(later.who.toString());
        return whoever && from == Networks.NONE && later.repositories.stream().allMatch(other -> repositories.stream().anyMatch(pattern -> pattern.covers(other)));
    }

    /** Returns the rule as {@code access.yaml} may have it. */
    @Override
    public String toString() {
        return "{who: " + who + (from == Networks.NONE ? "" : ", from: " + from) + ", repositories: " + repositories + ", may: " + may.stream().map(Action::word).toList() + "}";
    }
}
