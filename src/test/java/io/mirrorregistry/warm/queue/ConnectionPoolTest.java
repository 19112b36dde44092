package io.mirrorregistry.warm.queue;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.zaxxer.hikari.HikariConfig;
import io.mirrorregistry.config.StoreSettings;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import javax.sql.DataSource;
import org.junit.jupiter.api.Test;

/** How a pool is closed after a failure. */
class ConnectionPoolTest {

    private interface Calls {

        /** Returns null for a method that returns false, 0 or nothing. */
        Object call(Method method, Object[] arguments) throws Exception;
    }

    private static <T> T proxy(Class<T> type, Calls calls) {
        return type.cast(Proxy.newProxyInstance(type.getClassLoader(), new Class<?>[] {type}, (self, method, arguments) -> {
            Object result = calls.call(method, arguments);
            Class<?> returned = method.getReturnType();
            return result != null ? result : returned == boolean.class ? (Object) false : returned == int.class ? (Object) 0 : null;
        }));
    }

    /** HikariCP waits 10 s for connections that are being closed. */
    @Test
    void connectsAgainWhileTheConnectionsBeforeAreBeingClosed() throws Exception {
        CountDownLatch again = new CountDownLatch(1);
        CompletableFuture<Boolean> closedAfterwards = new CompletableFuture<>();
        Connection connection = proxy(Connection.class, (method, arguments) -> switch (method.getName()) {
            case "isValid" -> true;
            case "close" -> closedAfterwards.complete(again.await(9, TimeUnit.SECONDS));
            default -> null;
        });
        DataSource source = proxy(DataSource.class, (method, arguments) -> method.getName().equals("getConnection") ? connection : null);
        PostgresDialect postgres = new PostgresDialect(new StoreSettings("jdbc:postgresql://127.0.0.1:1/x", null, "u", "p"));
        Dialect dialect = proxy(Dialect.class, (method, arguments) -> {
            if (method.getName().equals("connect")) {
                return proxy(Connection.class, (ignored, none) -> null);
            }
            if (method.getName().equals("configure")) {
                ((HikariConfig) arguments[0]).setDataSource(source);
                return null;
            }
            return method.invoke(postgres, arguments);
        });
        AtomicInteger runs = new AtomicInteger();
        try (Database database = new Database(dialect, (made, mayBeEmpty) -> { })) {
            assertEquals("written", database.write(used -> {
                if (runs.incrementAndGet() == 1) {
                    throw new SQLException("the server ends", "57P01");
                }
                again.countDown();
                return "written";
            }));
            assertTrue(closedAfterwards.get(20, TimeUnit.SECONDS), "the work waited until the connections before were closed");
        }
        assertEquals(2, runs.get());
    }
}
