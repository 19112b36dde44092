"""The image that the attacked registries serve: one manifest, one configuration, one layer."""
import hashlib
import json

MANIFEST = "application/vnd.oci.image.manifest.v1+json"


def digest_of(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def manifest(config, layer, padding=0):
    """Returns the bytes of a manifest. `padding` adds so many bytes in an annotation, so that a manifest can be large."""
    return json.dumps({
        "schemaVersion": 2, "mediaType": MANIFEST,
        "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": digest_of(config), "size": len(config)},
        "layers": [{"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": digest_of(layer), "size": len(layer)}],
        "annotations": {"padding": "x" * padding}}).encode()


class Image:
    """`layer_bytes` is more than the buffers of a stream, so that a false layer is noticed only after its first bytes went out."""

    def __init__(self, layer_bytes=300_000):
        self.config = b"{}"
        self.layer = hashlib.sha256(b"layer").digest() * (layer_bytes // 32)
        self.manifest = manifest(self.config, self.layer)
        self.blobs = {digest_of(blob): blob for blob in (self.config, self.layer)}
        self.layer_digest = digest_of(self.layer)
        self.manifest_digest = digest_of(self.manifest)
