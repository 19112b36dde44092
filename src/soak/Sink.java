package soak;

import java.io.IOException;

interface Sink {
    void take(byte[] bytes, int count) throws IOException;
}
