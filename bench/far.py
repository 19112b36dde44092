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
import http_server

CALLS = collections.Counter()
image = functools.lru_cache(maxsize=64)(made.far_image)


async def respond(seconds, method, path):
    if path == "/calls":
        counted = json.dumps(CALLS).encode()
        CALLS.clear()
        return "200 OK", {"Content-Type": "application/json"}, counted
    await asyncio.sleep(seconds)
    found = re.fullmatch(r"/v2/library/far-(\d+)/(manifests|blobs)/(.+)", path)
    CALLS[f"{method} {found.group(2) if found else path}"] += 1
    registry = {"Docker-Distribution-Api-Version": "registry/2.0"}
    if path == "/v2/":
        return "200 OK", {**registry, "Content-Type": "application/json"}, b"{}"
    if found:
        manifest, blobs = image(int(found.group(1)))
        if found.group(2) == "manifests" and found.group(3) in ("1", made.sha256(manifest)):
            return "200 OK", {**registry, "Content-Type": made.MANIFEST, "Docker-Content-Digest": made.sha256(manifest)}, manifest
        if found.group(2) == "blobs" and found.group(3) in blobs:
            return "200 OK", {**registry, "Content-Type": "application/octet-stream", "Docker-Content-Digest": found.group(3)}, blobs[found.group(3)]
    return "404 Not Found", {**registry, "Content-Type": "application/json"}, b'{"errors":[{"code":"NAME_UNKNOWN"}]}'


if __name__ == "__main__":
    far = float(sys.argv[2]) / 1000
    asyncio.run(http_server.run(int(sys.argv[1]), functools.partial(respond, far), connecting=far))
