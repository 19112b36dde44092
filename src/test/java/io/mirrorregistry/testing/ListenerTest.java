package io.mirrorregistry.testing;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.IOException;
import java.net.ConnectException;
import java.net.InetAddress;
import java.net.Socket;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.Test;

class ListenerTest {

    /** A thread that is in accept() when the socket is closed may leave it late: many closes meet one. */
    @Test
    void refusesConnectionsFromTheMomentCloseReturns() throws IOException {
        for (int i = 0; i < 300; i++) {
            List<Socket> accepted = new CopyOnWriteArrayList<>();
            Listener listener = Listener.open(0, "listener-test", accepted::add);
            InetAddress address = InetAddress.getByName("127.0.0.1");
            new Socket(address, listener.port()).close();
            listener.close();
            int before = accepted.size();
            assertThrows(ConnectException.class, () -> new Socket(address, listener.port()).close(), "close " + i);
            assertEquals(before, accepted.size());
        }
    }
}
