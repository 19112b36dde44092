"""Clients of the mirror: single requests with a time limit, many clients at a time, and raw connections."""
import http.client
import socket
import ssl
import threading
import time
from urllib.parse import urlsplit

import content


class Answer:
    """A response; its status is 0 when there was none, and `error` says why. `body` holds the bytes that arrived."""

    def __init__(self, status, headers, body, error, seconds):
        self.status, self.headers, self.body, self.error, self.seconds = status, headers, body, error, seconds

    def header(self, name):
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)

    def __str__(self):
        return f"{self.status or self.error} in {self.seconds:.1f} s"


def trusting_anyone():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


# One for all: making a context takes longer than a handshake.
ANYONE = trusting_anyone()


class Client:
    """Sends requests on one connection, which it opens again when it is closed. Not for several threads at a time."""

    def __init__(self, port, timeout=5.0, tls=False):
        self.port, self.timeout, self.tls = port, timeout, tls
        self.connection = None

    def ask(self, path, method="GET", headers=None):
        began = time.monotonic()
        status, answer_headers, body = 0, [], b""
        try:
            if self.connection is None:
                self.connection = (http.client.HTTPSConnection("127.0.0.1", self.port, timeout=self.timeout, context=ANYONE)
                                   if self.tls else http.client.HTTPConnection("127.0.0.1", self.port, timeout=self.timeout))
            accept = content.MANIFEST if "/manifests/" in path else "*/*"
            self.connection.request(method, path, headers={"Accept": accept, **(headers or {})})
            response = self.connection.getresponse()
            answer_headers = response.getheaders()
            try:
                body = response.read()
            except http.client.IncompleteRead as cut:
                body = cut.partial
                raise
            status = response.status
            return Answer(status, answer_headers, body, None, time.monotonic() - began)
        except (OSError, http.client.HTTPException, ValueError) as failure:
            self.close()
            return Answer(0, answer_headers, body, f"{type(failure).__name__}: {failure}"[:120], time.monotonic() - began)

    def close(self):
        if self.connection is not None:
            self.connection.close()
            self.connection = None


def ask(port, path, method="GET", headers=None, timeout=5.0, tls=False):
    """Sends one request on a connection of its own."""
    client = Client(port, timeout, tls)
    try:
        return client.ask(path, method, headers)
    finally:
        client.close()


def pull_blob(port, repository, digest, timeout=5.0, tls=False):
    """Fetches a blob as a client does: it follows the 307 to the registry."""
    answer = ask(port, f"/v2/{repository}/blobs/{digest}", timeout=timeout, tls=tls)
    if answer.status != 307:
        return answer
    location = urlsplit(answer.header("Location"))
    return ask(location.port, location.path + ("?" + location.query if location.query else ""), timeout=timeout)


def crowd(clients, items, action, seconds=60):
    """Runs action(number, item) for all items in so many threads, for at most `seconds`. Returns the results, None where none came."""
    results = [None] * len(items)
    left = iter(range(len(items)))
    lock = threading.Lock()
    deadline = time.monotonic() + seconds

    def work(number):
        while time.monotonic() < deadline:
            with lock:
                index = next(left, None)
            if index is None:
                return
            results[index] = action(number, items[index])

    threads = [threading.Thread(target=work, args=(number,), daemon=True) for number in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.1, deadline - time.monotonic() + 1))
    return results


def crowd_asks(port, clients, requests, timeout=10.0, seconds=60, tls=False):
    """Sends requests, (path, method, headers) each, from so many clients that keep their connections. Returns the answers that came."""
    own = [Client(port, timeout, tls) for _ in range(clients)]
    try:
        answers = crowd(clients, requests, lambda number, request: own[number].ask(*request), seconds)
    finally:
        for client in own:
            client.close()
    return [answer or Answer(0, [], b"", "not sent in time", 0.0) for answer in answers]


def counts(answers):
    """Returns how often each status came, such as "200: 5, 503: 1"; 0 stands for no answer."""
    statuses = [answer.status for answer in answers]
    return ", ".join(f"{status or 'none'}: {statuses.count(status)}" for status in sorted(set(statuses)))


def connect(port, tls=False, receive_buffer=None):
    raw = socket.socket()
    if receive_buffer:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    raw.settimeout(10)
    try:
        raw.connect(("127.0.0.1", port))
        return ANYONE.wrap_socket(raw) if tls else raw
    except OSError:
        raw.close()
        raise
