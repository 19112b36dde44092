#!/usr/bin/env python3
"""A registry that takes pushes and keeps nothing: sink_registry.py PORT. It drops the bytes of a layer as fast as they arrive, and hashes none of them.

A registry that stores and hashes a layer is slower than a proxy before it. Before this one, the proxies themselves are compared.
"""
import re
import socket
import sys
import threading
import uuid

BUFFER = 512 * 1024


class Connection:
    """The requests of one connection, one after the other."""

    def __init__(self, connection):
        self.socket = connection
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = bytearray(BUFFER)
        self.view = memoryview(self.buffer)
        self.begin = self.end = 0

    def fill(self):
        """Receives more bytes, behind those that are there."""
        if self.begin:
            rest = self.end - self.begin
            self.view[:rest] = bytes(self.view[self.begin:self.end])
            self.begin, self.end = 0, rest
        received = self.socket.recv_into(self.view[self.end:])
        if not received:
            raise ConnectionError
        self.end += received

    def until(self, mark):
        """Returns the bytes before a mark."""
        while (at := self.buffer.find(mark, self.begin, self.end)) < 0:
            self.fill()
        found = bytes(self.view[self.begin:at])
        self.begin = at + len(mark)
        return found

    def drop(self, count):
        while count > self.end - self.begin:
            count -= self.end - self.begin
            self.begin = self.end = 0
            self.fill()
        self.begin += count

    def drop_chunks(self):
        """Drops a body with chunked transfer encoding. Returns its length."""
        total = 0
        while size := int(self.until(b"\r\n").split(b";")[0], 16):
            self.drop(size + 2)
            total += size
        self.drop(2)
        return total

    def serve(self):
        while True:
            head = self.until(b"\r\n\r\n").decode()
            method, target = head.split(" ", 2)[:2]
            length = re.search(r"(?im)^content-length: *(\d+)", head)
            if re.search(r"(?im)^transfer-encoding: *chunked", head):
                taken = self.drop_chunks()
            else:
                taken = int(length.group(1)) if length else 0
                self.drop(taken)
            status, headers, body = respond(method, target, taken)
            lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
            self.socket.sendall("\r\n".join(lines).encode() + (b"" if method == "HEAD" else body))


def respond(method, target, taken):
    path, _, query = target.partition("?")
    headers = {"Docker-Distribution-Api-Version": "registry/2.0"}
    upload = re.fullmatch(r"(/v2/.+/blobs/)uploads/(.*)", path)
    if upload and method == "PUT":
        digest = re.search(r"digest=(sha256)(?::|%3[Aa])([0-9a-f]{64})", query)
        digest = ":".join(digest.groups())
        return "201 Created", {**headers, "Location": upload.group(1) + digest, "Docker-Content-Digest": digest}, b""
    if upload and method in ("POST", "PATCH"):
        name = upload.group(2) or uuid.uuid4()
        return "202 Accepted", {**headers, "Location": f"{upload.group(1)}uploads/{name}", "Range": f"0-{max(0, taken - 1)}", "Docker-Upload-UUID": name}, b""
    if method == "PUT" and "/manifests/" in path:
        return "201 Created", headers, b""
    if path == "/v2/":
        return "200 OK", {**headers, "Content-Type": "application/json"}, b"{}"
    return "404 Not Found", {**headers, "Content-Type": "application/json"}, b'{"errors":[{"code":"BLOB_UNKNOWN"}]}'


def serve(connection):
    try:
        Connection(connection).serve()
    except ConnectionError:
        pass
    finally:
        connection.close()


if __name__ == "__main__":
    with socket.create_server(("127.0.0.1", int(sys.argv[1])), backlog=4096) as server:
        while True:
            threading.Thread(target=serve, args=server.accept()[:1], daemon=True).start()
