package io.mirrorregistry;

import java.io.BufferedWriter;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.ServerSocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/** Files that nobody should read to the end, or that stand for more than memory holds. */
enum OddFile {

    /** Opening it waits for a writer. */
    PIPE("it is a pipe, a device or a socket, not a regular file"),
    SOCKET("it is a pipe, a device or a socket, not a regular file"),
    /** It has no end. */
    LINK_TO_A_DEVICE("it is a pipe, a device or a socket, not a regular file"),
    LINK_TO_A_PIPE("it is a pipe, a device or a socket, not a regular file"),
    LONG_COMMENTS("it is longer than 1048576 bytes"),
    /** Its size is told as 16 MB while nothing is stored. */
    SPARSE("it is longer than 1048576 bytes"),
    DOUBLED_ALIASES("it has more than 10 aliases"),
    /** Few enough aliases, and still more values than may be. */
    WIDE_ALIASES("values"),
    SELF_REFERENCE("it refers to itself by the alias a"),
    DEEP("it is nested more than 200 levels deep"),
    MANY_VALUES("values");

    private final String fault;

    OddFile(String fault) {
        this.fault = fault;
    }

    /** Returns words of the sentence by which it is refused. */
    String fault() {
        return fault;
    }

    void create(Path file) {
        try {
            write(file);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private void write(Path file) throws IOException {
        switch (this) {
            case PIPE -> pipe(file);
            case SOCKET -> {
                try (ServerSocketChannel socket = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
                    // The name of a socket has at most 108 characters.
                    Path near = Files.createTempDirectory("odd").resolve("s");
                    socket.bind(UnixDomainSocketAddress.of(near));
                    Files.move(near, file);
                    Files.delete(near.getParent());
                }
            }
            case LINK_TO_A_DEVICE -> Files.createSymbolicLink(file, Path.of("/dev/zero"));
            case LINK_TO_A_PIPE -> {
                pipe(file.resolveSibling("target.pipe"));
                Files.createSymbolicLink(file, Path.of("target.pipe"));
            }
            case LONG_COMMENTS -> {
                try (BufferedWriter out = Files.newBufferedWriter(file)) {
                    for (int i = 0; i < 60_000; i++) {
                        out.write("#" + "x".repeat(999) + "\n");
                    }
                    out.write("- route: {}\n");
                }
            }
            case SPARSE -> {
                try (FileChannel channel = FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.WRITE)) {
                    channel.write(ByteBuffer.wrap(new byte[] {'\n'}), 16_000_000);
                }
            }
            case DOUBLED_ALIASES -> {
                StringBuilder text = new StringBuilder("- route: &a0 {id: x}\n");
                for (int i = 1; i <= 24; i++) {
                    text.append("- route: &a").append(i).append(" [*a").append(i - 1).append(", *a").append(i - 1).append("]\n");
                }
                Files.writeString(file, text);
            }
            case WIDE_ALIASES -> Files.writeString(file, "- &a [" + "x, ".repeat(9_000) + "x]\n- &b [*a, *a, *a]\n- &c [*b, *b, *b]\n- [*c, *c, *c]\n");
            case SELF_REFERENCE -> Files.writeString(file, "- route: &a {id: x, from: *a}\n");
            case DEEP -> Files.writeString(file, "- route: " + "[".repeat(100_000));
            case MANY_VALUES -> Files.writeString(file, "- []\n".repeat(205_000));
            default -> throw new IllegalStateException();
        }
    }

    private static void pipe(Path file) throws IOException {
        try {
            if (!Files.exists(file) && new ProcessBuilder("mkfifo", file.toString()).start().waitFor() != 0) {
                throw new IOException("mkfifo failed");
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException(e);
        }
    }
}
