"""Many raw connections of an attacker, held at a time."""
import select
import socket
import ssl
import time

import clients


class Connections:
    """Opens so many connections to a port of the mirror, and closes them at the end.

    @param patient whether a connection that cannot be opened, or whose handshake fails, is passed over
    """

    def __init__(self, port, count, tls=False, receive_buffer=None, patient=False):
        self.sockets = []
        self.gone = 0
        for _ in range(count):
            try:
                connection = clients.connect(port, tls, receive_buffer) if not patient else self.impatient(port, tls)
                self.sockets.append(connection)
            except (OSError, ValueError):
                self.gone += 1
                if self.gone > 20 and not self.sockets:
                    break
        self.ended, self.heard = set(), {}

    @staticmethod
    def impatient(port, tls):
        """The handshake of each takes at most half a second, or a mirror that has no files left would hold up the attack."""
        raw = socket.create_connection(("127.0.0.1", port), 0.5)
        try:
            return clients.ANYONE.wrap_socket(raw) if tls else raw
        except OSError:
            raw.close()
            raise

    def __len__(self):
        return len(self.sockets) + self.gone

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for connection in self.sockets:
            connection.close()

    def send(self, data, seconds):
        """Sends to all connections what they take in so many seconds."""
        left = {connection: memoryview(data) for connection in self.sockets}
        deadline = time.monotonic() + seconds
        for connection in self.sockets:
            connection.setblocking(False)
        poll = select.poll()
        numbers = {connection.fileno(): connection for connection in self.sockets}
        for number in numbers:
            poll.register(number, select.POLLOUT)
        while numbers and time.monotonic() < deadline:
            for number, _ in poll.poll(100):
                connection = numbers[number]
                try:
                    left[connection] = left[connection][connection.send(left[connection][:256 * 1024]):]
                    done = not left[connection]
                except (BlockingIOError, ssl.SSLWantWriteError, ssl.SSLWantReadError):
                    done = False
                except OSError:
                    done = True
                if done:
                    poll.unregister(number)
                    del numbers[number]

    def look(self):
        """Reads what has arrived on each connection, and which have ended."""
        for connection in self.sockets:
            if connection in self.ended:
                continue
            connection.setblocking(False)
            try:
                while True:
                    data = connection.recv(65536)
                    if not data:
                        self.ended.add(connection)
                        break
                    if connection not in self.heard:
                        self.heard[connection] = data[:100]
            except (BlockingIOError, ssl.SSLWantReadError):
                pass
            except OSError:
                self.ended.add(connection)

    def open(self):
        """Returns how many connections the mirror has left open."""
        self.look()
        return len(self.sockets) - len(self.ended)

    def closed(self):
        """Returns how many the mirror closed without an answer, or did not accept."""
        self.look()
        return self.gone + len(self.ended - set(self.heard))

    def answered(self):
        self.look()
        return len(self.heard)

    def first_answers(self):
        return b" | ".join(sorted(set(self.heard.values())))

    def trickle(self):
        """Sends a byte of a header line on the first five that are open. Returns how many are open."""
        time.sleep(0.5)
        for connection in [connection for connection in self.sockets if connection not in self.ended][:5]:
            try:
                connection.send(b"z")
            except OSError:
                pass
        return self.open()

    def take(self, count):
        """Reads so many bytes at most from each connection."""
        for connection in self.sockets:
            connection.setblocking(False)
            left = count
            try:
                while left > 0:
                    data = connection.recv(min(left, 4096))
                    if not data:
                        break
                    left -= len(data)
            except OSError:
                pass
