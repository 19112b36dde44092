"""A registry that does what no real one does on demand. It serves an image under each repository team/*, and has nothing else."""
import asyncio
import inspect
import json
import re
import threading
import time

import content


class Request:
    def __init__(self, head):
        lines = head.decode("latin-1").split("\r\n")
        self.method, self.target = lines[0].split(" ")[:2]
        self.path = self.target.split("?")[0]
        self.headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:] if line)}
        match = re.match("/v2/(.+)/(?:manifests|blobs|tags|referrers)/(.+)", self.path)
        self.repository, self.reference = match.groups() if match else ("", "")

    def is_manifest(self):
        return "/manifests/" in self.path

    def is_blob(self):
        return "/blobs/" in self.path

    def is_probe(self):
        return self.path in ("/v2/", "/v2")


class Answer:
    """`headers` may hold what no client library would send. `length` None: the body is sent in chunks; "own": no length is added."""

    def __init__(self, status=200, headers=(), body=b"", length="true", delay=0.0):
        self.status, self.headers, self.body, self.length, self.delay = status, list(headers), body, length, delay

    def encode(self, method):
        lines = [f"HTTP/1.1 {self.status} X"] + [f"{name}: {value}" for name, value in self.headers]
        body = self.body
        if self.length is None:
            lines.append("Transfer-Encoding: chunked")
            body = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body) if body else b"0\r\n\r\n"
        elif self.length == "true":
            lines.append(f"Content-Length: {len(body)}")
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + (b"" if method == "HEAD" else body)


def missing(delay=0.0):
    return Answer(404, [("Content-Type", "application/json")], b'{"errors":[{"code":"MANIFEST_UNKNOWN"}]}', delay=delay)


class FakeRegistry:
    """Listens on a free port of 127.0.0.1 until it is stopped.

    `answer` is a function of the request, which may be asynchronous; it returns an Answer, or None for what the image answers.
    It can be replaced at any time. `calls` lists (method, target) of the requests that came.
    """

    def __init__(self, image, answer=None, account=None):
        self.image, self.answer, self.account = image, answer, account
        self.calls = []
        self.loop = asyncio.new_event_loop()
        self.writers = set()
        ready = threading.Event()
        self.thread = threading.Thread(target=self.run, args=(ready,), daemon=True)
        self.thread.start()
        ready.wait()
        self.url = f"http://127.0.0.1:{self.port}"

    def run(self, ready):
        asyncio.set_event_loop(self.loop)
        server = self.loop.run_until_complete(asyncio.start_server(self.serve, "127.0.0.1", 0, limit=2**20, backlog=1024))
        self.port = server.sockets[0].getsockname()[1]
        ready.set()
        self.loop.run_forever()

    async def serve(self, reader, writer):
        self.writers.add(writer)
        try:
            while True:
                request = Request(await reader.readuntil(b"\r\n\r\n"))
                self.calls.append((request.method, request.target))
                answer = self.answer(request) if self.answer else None
                if inspect.isawaitable(answer):
                    answer = await answer
                answer = answer or self.of_image(request)
                if answer.delay:
                    await asyncio.sleep(answer.delay)
                writer.write(answer.encode(request.method))
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, asyncio.CancelledError):
            pass
        finally:
            self.writers.discard(writer)
            writer.close()

    def of_image(self, request):
        if self.account and not request.headers.get("authorization"):
            return Answer(401, [("WWW-Authenticate", 'Basic realm="fake"')])
        if request.is_probe():
            return Answer(200, [("Content-Type", "application/json")], b"{}")
        if not request.repository.startswith("team/"):
            return missing()
        if request.is_manifest() and request.reference in ("1", self.image.manifest_digest):
            return self.manifest(self.image.manifest)
        if request.is_blob() and request.reference in self.image.blobs:
            return Answer(200, [("Content-Type", "application/octet-stream")], self.image.blobs[request.reference])
        return missing()

    @staticmethod
    def manifest(data, length="true"):
        return Answer(200, [("Content-Type", content.MANIFEST), ("Docker-Content-Digest", content.digest_of(data))], data, length)

    def calls_of(self, part):
        """Returns the calls whose target contains `part`."""
        return [call for call in list(self.calls) if part in call[1]]

    def stop(self):
        def end():
            for writer in list(self.writers):
                writer.transport.abort()
            self.loop.call_later(0.1, self.loop.stop)
        self.loop.call_soon_threadsafe(end)
        self.thread.join(3)


def token_answer(token):
    return Answer(200, [("Content-Type", "application/json")],
                  json.dumps({"token": token, "expires_in": 3600, "issued_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}).encode())
