package io.mirrorregistry;

import java.nio.ByteBuffer;
import org.apache.camel.Exchange;

/** A step that makes the answer larger than the network's buffers. */
public final class LargeAnswer {

    private static final int BYTES = 16 * 1024 * 1024;

    /** Sets the body. */
    public void set(Exchange exchange) {
        exchange.getMessage().setBody(ByteBuffer.allocate(BYTES));
    }
}
