#!/usr/bin/env python3
"""A registry that takes its time: serves a folder of static files, each response after so many seconds.

    bench/slow_registry.py PORT FOLDER

GET /delay/SECONDS sets the time, for calls from then on. It is 0 before.
"""
import asyncio
import os
import sys

import content as made

delay = 0


def response(root, path):
    """Returns status, media type and body."""
    if path == "/v2/":
        return "200 OK", "application/json", b"{}"
    file = os.path.join(root, path.lstrip("/"))
    if not os.path.isfile(file):
        return "404 Not Found", "application/json", b'{"errors":[]}'
    with open(file, "rb") as data:
        return "200 OK", made.MANIFEST if "/manifests/" in path else "application/octet-stream", data.read()


async def serve(reader, writer, root):
    global delay
    try:
        while True:
            method, path, _ = (await reader.readuntil(b"\r\n\r\n")).decode().split(" ", 2)
            if path.startswith("/delay/"):
                delay, path = float(path.removeprefix("/delay/")), "/v2/"
            else:
                await asyncio.sleep(delay)
            status, kind, body = response(root, path)
            writer.write(f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + (b"" if method == "HEAD" else body))
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


async def main(port, root):
    server = await asyncio.start_server(lambda reader, writer: serve(reader, writer, root), "127.0.0.1", int(port), backlog=4096)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
