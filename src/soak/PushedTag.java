package soak;

import java.util.ArrayList;
import java.util.List;

/** A tag that one client pushes again and again, with another manifest each time. For any thread. */
final class PushedTag {

    final String name;
    private final List<Item> manifests = new ArrayList<>();
    private int confirmed = -1;
    private boolean lost;

    PushedTag(String name) {
        this.name = name;
    }

    /** Notes that a manifest is about to be pushed: from now on the tag may mean it. */
    synchronized void begin(Item manifest) {
        manifests.add(manifest);
    }

    /** Notes that the last one has got its 201: from now on the tag means nothing older. */
    synchronized void confirm() {
        confirmed = manifests.size() - 1;
    }

    /** Notes that nobody knows whether the last one was pushed, or will be later: a registry that was stopped goes on with what it was sent. */
    synchronized void lose() {
        lost = true;
    }

    /** Returns how many of the manifests are overwritten for sure; -1 if it is not known what the tag means. */
    synchronized int overwritten() {
        return lost ? -1 : Math.max(0, confirmed);
    }

    /** Returns the last manifest that got its 201; null for none, and if it is not known what the tag means. */
    synchronized Item current() {
        return lost || confirmed < 0 ? null : manifests.get(confirmed);
    }

    /** Returns the digests that the tag may have had since so many manifests were overwritten. */
    synchronized List<String> since(int overwritten) {
        return manifests.subList(overwritten, manifests.size()).stream().map(manifest -> manifest.digest).toList();
    }
}
