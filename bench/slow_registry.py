#!/usr/bin/env python3
"""A registry that takes its time: serves a folder of static files, each response after so many seconds.

    bench/slow_registry.py PORT FOLDER

GET /delay/SECONDS sets the time, for calls from then on. It is 0 before.
"""
import asyncio
import os
import sys

import content as made
import http_server


class SlowRegistry:

    def __init__(self, root):
        self.root = root
        self.delay = 0

    async def respond(self, method, path):
        if path.startswith("/delay/"):
            self.delay, path = float(path.removeprefix("/delay/")), "/v2/"
        else:
            await asyncio.sleep(self.delay)
        if path == "/v2/":
            return "200 OK", {"Content-Type": "application/json"}, b"{}"
        file = os.path.join(self.root, path.lstrip("/"))
        if not os.path.isfile(file):
            return "404 Not Found", {"Content-Type": "application/json"}, b'{"errors":[]}'
        with open(file, "rb") as data:
            return "200 OK", {"Content-Type": made.MANIFEST if "/manifests/" in path else "application/octet-stream"}, data.read()


if __name__ == "__main__":
    asyncio.run(http_server.run(int(sys.argv[1]), SlowRegistry(sys.argv[2]).respond))
