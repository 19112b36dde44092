"""Sends a request as it stands in no client, and prints what comes back: the head and the first kilobyte after it.

Arguments: HOST:PORT, how many bytes of a body are sent, and what happens then (`wait` for the response, `close` or `reset` the connection). The head is read
from standard input, a line for each line of it. Prints `nothing` and the reason if no response comes within 90 s.
"""
import socket
import struct
import sys
import time

HOST, PORT = sys.argv[1].rsplit(":", 1)
COUNT, THEN = int(sys.argv[2]), sys.argv[3]

head = "".join(line.strip() + "\r\n" for line in sys.stdin) + f"Host: {sys.argv[1]}\r\n\r\n"
began = time.monotonic()
connection = socket.create_connection((HOST, int(PORT)), 10)
connection.settimeout(90)
connection.sendall(head.encode())
try:
    left = COUNT
    while left:
        left -= connection.send(b"\0" * min(left, 65536))
    if THEN != "wait":
        if THEN == "reset":
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()
        sys.exit(0)
except OSError as e:
    print(f"sent {COUNT - left} of {COUNT} bytes, then {e}", file=sys.stderr)

data = b""
try:
    while b"\r\n\r\n" not in data or len(data) < 4096:
        part = connection.recv(4096)
        if not part:
            break
        data += part
        # Not every response ends with the connection.
        if b"\r\n\r\n" in data and not data.startswith(b"HTTP/1.1 100"):
            connection.settimeout(0.5)
except OSError as e:
    if not data:
        print(f"nothing: {e}")
print(data[:4096].decode("latin-1").replace("\r", ""))
print(f"after {time.monotonic() - began:.1f} s")
