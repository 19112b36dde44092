package io.mirrorregistry.registry;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.io.InputStream;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.hc.core5.http.ContentType;
import org.apache.hc.core5.http.io.entity.ByteArrayEntity;
import org.junit.jupiter.api.Test;

class CutOffEntityTest {

    private final AtomicInteger cut = new AtomicInteger();
    private final AtomicInteger done = new AtomicInteger();
    private final CutOffEntity entity = new CutOffEntity(new ByteArrayEntity(new byte[1000], ContentType.APPLICATION_OCTET_STREAM),
            cut::incrementAndGet, done::incrementAndGet);

    @Test
    void cutsOnceHoweverOftenItIsClosed() throws IOException {
        InputStream detached = entity.getContent().detach();
        detached.read(new byte[10]);
        entity.close();
        assertEquals(0, cut.get(), "closed by one who does not own it");
        for (int i = 0; i < 3; i++) {
            detached.close();
        }
        entity.close();
        assertEquals(1, cut.get());
        assertEquals(1, done.get());
    }

    @Test
    void doesNotCutWhatWasReadToItsEnd() throws IOException {
        InputStream body = entity.getContent();
        body.readAllBytes();
        for (int i = 0; i < 3; i++) {
            body.close();
            entity.close();
        }
        assertEquals(0, cut.get());
        assertEquals(1, done.get());
    }
}
