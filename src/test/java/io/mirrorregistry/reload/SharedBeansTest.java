package io.mirrorregistry.reload;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.stream.IntStream;
import org.apache.camel.CamelContext;
import org.apache.camel.impl.DefaultCamelContext;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Health checks are searched for while the beans of former routes are removed. */
@Timeout(60)
class SharedBeansTest {

    @Test
    void findsBeansWhileOthersAreRemoved() {
        CamelContext camel = new DefaultCamelContext();
        camel.getRegistry().bind("kept", 1L);
        for (int round = 0; round < 50; round++) {
            List<String> names = IntStream.range(0, 1000).mapToObj(i -> "bean-" + i).toList();
            names.forEach(name -> camel.getRegistry().bind(name, name));

            CompletableFuture<Void> removed = CompletableFuture.runAsync(() -> names.forEach(name -> SharedBeans.remove(camel, List.of(name))));
            while (!removed.isDone()) {
                assertEquals(1, SharedBeans.search(camel, () -> camel.getRegistry().findByType(Long.class)).size());
            }

            removed.join();
            assertEquals(0, camel.getRegistry().findByType(String.class).size());
        }
    }
}
