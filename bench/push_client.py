"""A client that pushes layers as docker and containerd do. The bytes are made once, so that sending them costs no more than the kernel takes."""
import functools
import hashlib
import http.client
import time
import urllib.parse
from typing import NamedTuple

BLOCK = 2**20
ZEROS = bytes(BLOCK)
# Go's io.Copy, by which docker sends, writes so many bytes at a time.
CHUNK = 32 * 1024
# Docker sends a layer by one PATCH of unknown length and ends the upload with a PUT; containerd sends it by one PUT.
STREAMED, SIZED = "PATCH, chunked", "PUT, Content-Length"


class PushFailed(Exception):
    pass


class Layer(NamedTuple):
    """Zeros, and a last block that makes the layer another one."""
    size: int
    last: bytes
    digest: str


@functools.lru_cache
def hashed_zeros(size):
    digest = hashlib.sha256()
    for _ in range(size // BLOCK):
        digest.update(ZEROS)
    return digest


def layer(size, number=0):
    """Returns a layer; the size is in bytes, a multiple of 1 MiB."""
    digest, last = hashed_zeros(size - BLOCK).copy(), f"{number}".encode().ljust(BLOCK, b"\0")
    digest.update(last)
    return Layer(size, last, "sha256:" + digest.hexdigest())


def chunked(block):
    return b"".join(b"%x\r\n%s\r\n" % (CHUNK, block[at:at + CHUNK]) for at in range(0, len(block), CHUNK))


CHUNKED_ZEROS = chunked(ZEROS)


class Push:
    """The upload of one layer, on a connection of its own."""

    def __init__(self, server, name):
        self.server = server
        self.connection = http.client.HTTPConnection(urllib.parse.urlsplit(server).netloc, timeout=300)
        self.location = f"{server}/v2/{name}/blobs/uploads/"

    def send(self, layer, way):
        self.ask("POST", {"Content-Length": "0"}, 202)
        if way == STREAMED:
            self.ask("PATCH", {"Content-Type": "application/octet-stream", "Transfer-Encoding": "chunked"}, 202, CHUNKED_ZEROS, layer, chunked(layer.last) + b"0\r\n\r\n")
        self.location += ("&" if "?" in self.location else "?") + "digest=" + urllib.parse.quote(layer.digest)
        if way == STREAMED:
            self.ask("PUT", {"Content-Length": "0"}, 201)
        else:
            self.ask("PUT", {"Content-Type": "application/octet-stream", "Content-Length": str(layer.size)}, 201, ZEROS, layer, layer.last)
        self.connection.close()

    def ask(self, method, headers, status, block=None, layer=None, last=b""):
        """Sends a request to the location, and goes on at that of its response. The block is sent for each of the layer's but the last one."""
        self.connection.putrequest(method, self.location.removeprefix(self.server), skip_accept_encoding=True)
        for name, value in headers.items():
            self.connection.putheader(name, value)
        self.connection.endheaders()
        for _ in range(layer.size // BLOCK - 1 if layer else 0):
            self.connection.send(block)
        if last:
            self.connection.send(last)
        response = self.connection.getresponse()
        body = response.read()
        if response.status != status:
            raise PushFailed(f"{method} {self.location} was answered with {response.status}: {body.decode(errors='replace')[:300]}")
        self.location = urllib.parse.urljoin(self.location, response.headers["Location"])
        if not self.location.startswith(self.server + "/"):
            raise PushFailed(f"{method} at {self.server} led to {self.location}")


def push(server, name, layer, way):
    """Returns how many seconds it took from the first request to the 201."""
    began = time.monotonic()
    try:
        Push(server, name).send(layer, way)
    except (OSError, http.client.HTTPException) as e:
        raise PushFailed(f"the connection to {server} failed: {e!r}") from e
    return time.monotonic() - began
