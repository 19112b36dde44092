"""What the upstream registries hold: static files, laid out as the paths of the distribution API."""
import hashlib
import json
import os

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG, LAYER = "application/vnd.oci.image.config.v1+json", "application/vnd.oci.image.layer.v1.tar+gzip"
MANY = 10_000
LAYERS = 10
WHOLE = 600
BIG = 1536 * 1024 * 1024


class Content:
    """Where things are: paths below /v2/."""

    def __init__(self, directory):
        self.directory = directory
        self.digests = {}


def blobs(name):
    """The config and the five layers of a small image."""
    return [json.dumps({"architecture": "amd64", "os": "linux", "config": {"Labels": {"name": name.ljust(900)}},
                        "rootfs": {"type": "layers", "diff_ids": []}}).encode(), *(f"{name}{i}".encode().ljust(1000 + i) for i in range(5))]


def manifest(blobs):
    """The first blob is the config, the others are layers."""
    config, *layers = [{"mediaType": LAYER, "size": len(blob), "digest": sha256(blob)} for blob in blobs]
    return json.dumps({"schemaVersion": 2, "mediaType": MANIFEST, "layers": layers, "config": {**config, "mediaType": CONFIG}}, indent=1).encode()


def sha256(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def far_image(number):
    """Returns the manifest of an image of the far registry, library/far-NUMBER, and its blobs by their digests: the config, then ten layers."""
    blobs = [f"{number} {part} ".encode() * 300 for part in range(LAYERS + 1)]
    return manifest(blobs), {sha256(data): data for data in blobs}


def write(directory, registry, path, data):
    file = os.path.join(directory, registry, "v2", path)
    os.makedirs(os.path.dirname(file), exist_ok=True)
    with open(file, "wb") as out:
        out.write(data)
    return file


def image(content, registry, name):
    """Writes a manifest under its tag and its digest."""
    data = manifest(blobs(name))
    digest = sha256(data)
    file = write(content.directory, registry, f"{name}/manifests/1", data)
    os.link(file, os.path.join(os.path.dirname(file), digest))
    content.digests[f"/v2/{name}/manifests/1"] = digest
    return digest


def whole(number):
    """The names of the whole images for one round. Each round has its own, which no cache knows yet."""
    return [f"library/whole-{number}-{i}" for i in range(WHOLE)]


def make(work, rounds_of_whole=0):
    content = Content(os.path.join(work, "content"))
    content.hot_digest = image(content, "hot", "library/hot")
    image(content, "cold", "library/cold")
    for i in range(MANY):
        image(content, "hot", f"library/many-{i}")
    for number in range(rounds_of_whole):
        for name in whole(number):
            image(content, "hot", name)
            for blob in blobs(name):
                write(content.directory, "hot", f"{name}/blobs/{sha256(blob)}", blob)
    for registry in ("hot", "cold"):
        blob = registry.encode() * 256
        write(content.directory, registry, f"library/{registry}/blobs/{sha256(blob)}", blob)
        setattr(content, f"{registry}_blob", sha256(blob))
    big = hashlib.sha256()
    for _ in range(BIG // 2**20):
        big.update(bytes(2**20))
    content.big = "sha256:" + big.hexdigest()
    file = os.path.join(content.directory, "hot", "v2", "library/hot/blobs", content.big)
    with open(file, "wb") as out:
        for _ in range(BIG // 2**20):
            out.write(bytes(2**20))
    return content
