#!/usr/bin/env python3
"""A registry that is far away: far.py PORT MILLISECONDS. Each new connection takes so long, and so does each response.

It has the images that content.far_image makes, and serves their blobs to anyone. GET /calls returns the calls since the last one, by method and kind.
"""
import asyncio
import collections
import functools
import json
import re
import sys

import content as made

CALLS = collections.Counter()
image = functools.lru_cache(maxsize=64)(made.far_image)


def answer(method, path):
    """Returns status, type, digest and body."""
    if path == "/calls":
        counted = json.dumps(CALLS).encode()
        CALLS.clear()
        return 200, "application/json", None, counted
    found = re.fullmatch(r"/v2/library/far-(\d+)/(manifests|blobs)/(.+)", path)
    CALLS[f"{method} {found.group(2) if found else path}"] += 1
    if path == "/v2/":
        return 200, "application/json", None, b"{}"
    if found:
        manifest, blobs = image(int(found.group(1)))
        if found.group(2) == "manifests" and found.group(3) in ("1", made.sha256(manifest)):
            return 200, made.MANIFEST, made.sha256(manifest), manifest
        if found.group(2) == "blobs" and found.group(3) in blobs:
            return 200, "application/octet-stream", found.group(3), blobs[found.group(3)]
    return 404, "application/json", None, b'{"errors":[{"code":"NAME_UNKNOWN"}]}'


async def serve(delay, reader, writer):
    try:
        await asyncio.sleep(delay)
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            method, path = head.split(b"\r\n", 1)[0].decode().split(" ")[:2]
            await asyncio.sleep(0 if path == "/calls" else delay)
            status, kind, digest, body = answer(method, path)
            lines = [f"HTTP/1.1 {status} X", f"Content-Type: {kind}", f"Content-Length: {len(body)}", "Docker-Distribution-Api-Version: registry/2.0"]
            lines += [f"Docker-Content-Digest: {digest}"] if digest else []
            writer.write("\r\n".join([*lines, "", ""]).encode() + (b"" if method == "HEAD" else body))
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


async def main(port, milliseconds):
    server = await asyncio.start_server(functools.partial(serve, milliseconds / 1000), "127.0.0.1", port, backlog=4096)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), float(sys.argv[2])))
