"""What the upstream registries hold: static files, laid out as the paths of the distribution API."""
import hashlib
import json
import os

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
MANY = 10_000
BIG = 1536 * 1024 * 1024


class Content:
    """Where things are: paths below /v2/."""

    def __init__(self, directory):
        self.directory = directory
        self.digests = {}


def manifest(name):
    """About as large as the manifest of an image of five layers."""
    layers = [{"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "size": 1000 + i,
               "digest": "sha256:" + hashlib.sha256(f"{name}{i}".encode()).hexdigest()} for i in range(5)]
    return json.dumps({"schemaVersion": 2, "mediaType": MANIFEST, "layers": layers, "config": {
        "mediaType": "application/vnd.oci.image.config.v1+json", "size": 1000,
        "digest": "sha256:" + hashlib.sha256(name.encode()).hexdigest()}}, indent=1).encode()


def sha256(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def write(directory, registry, path, data):
    file = os.path.join(directory, registry, "v2", path)
    os.makedirs(os.path.dirname(file), exist_ok=True)
    with open(file, "wb") as out:
        out.write(data)


def image(content, registry, name):
    data = manifest(name)
    digest = sha256(data)
    write(content.directory, registry, f"{name}/manifests/1", data)
    content.digests[f"/v2/{name}/manifests/1"] = digest
    return data, digest


def make(work):
    content = Content(os.path.join(work, "content"))
    content.hot, content.hot_digest = image(content, "hot", "library/hot")
    write(content.directory, "hot", f"library/hot/manifests/{content.hot_digest}", content.hot)
    content.cold, content.cold_digest = image(content, "cold", "library/cold")
    for i in range(MANY):
        image(content, "hot", f"library/many-{i}")
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
