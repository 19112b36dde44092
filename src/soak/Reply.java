package soak;

import static soak.Output.now;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.Set;

/** What came. */
final class Reply {

    final long start = now();
    final int number;
    long headAt;
    long end;
    Head head;
    /** The body, where it is short. */
    final ByteArrayOutputStream text = new ByteArrayOutputStream();
    long bytes;
    /** Which of the right answers the bytes are as yet; null for a body that is none of them from its first byte. */
    final Set<Item> matching = Collections.newSetFromMap(new IdentityHashMap<>());
    IOException broken;
    boolean left;

    Reply(int number) {
        this.number = number;
    }

    int status() {
        return head == null ? 0 : head.status();
    }

    String header(String name) {
        return head.headers().get(name);
    }
}
