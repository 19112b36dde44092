"""What copying in the background costs pulls."""
import glob
import hashlib
import json
import os
import time
import urllib.request

import content as made

BUSY = "mirror, copying"
LOADS = ("tag-hot", "distinct")
COPIES, COPY = 3, 1 << 30


def images(content):
    """Adds large images to the cold registry: files without blocks on the disk."""
    names = []
    for number in range(COPIES):
        name = f"library/large-{number}"
        start = f"{number}".encode()
        digest = digest_of_zeros(start, COPY)
        folder = os.path.join(content.directory, "cold", "v2", name)
        os.makedirs(os.path.join(folder, "blobs"))
        os.makedirs(os.path.join(folder, "manifests"))
        with open(os.path.join(folder, "blobs", digest), "wb") as out:
            out.write(start)
            out.truncate(COPY)
        config = b"{}"
        with open(os.path.join(folder, "blobs", made.sha256(config)), "wb") as out:
            out.write(config)
        manifest = json.dumps({"schemaVersion": 2, "mediaType": made.MANIFEST, "config": {"mediaType": made.CONFIG, "digest": made.sha256(config), "size": len(config)},
                               "layers": [{"mediaType": made.LAYER, "digest": digest, "size": COPY}]}).encode()
        for reference in ("1", made.sha256(manifest)):
            with open(os.path.join(folder, "manifests", reference), "wb") as out:
                out.write(manifest)
        names.append(name)
    return names


def digest_of_zeros(start, size):
    hashed, left = hashlib.sha256(start), size - len(start)
    zeros = bytes(1 << 20)
    while left:
        part = min(left, len(zeros))
        hashed.update(zeros[:part])
        left -= part
    return "sha256:" + hashed.hexdigest()


def ask(server, image):
    """Asks the mirror to copy an image."""
    request = urllib.request.Request(f"{server.management}/warm", json.dumps({"image": image}).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


def state(server):
    with urllib.request.urlopen(f"{server.management}/warm", timeout=10) as answer:
        return json.load(answer)


def compiling(server):
    """Returns how many seconds the threads of Java have taken that compile."""
    ticks = 0
    for path in glob.glob(f"/proc/{server.process.pid}/task/*/stat"):
        try:
            with open(path) as stat:
                name, fields = stat.read().split("(", 1)[1].rsplit(")", 1)
        except OSError:
            continue  # the thread has ended
        if name.startswith(("C1 ", "C2 ")):
            ticks += sum(int(field) for field in fields.split()[11:13])
    return ticks / os.sysconf("SC_CLK_TCK")


def busy(server):
    """Returns how many images are copied now. Waits until there are some."""
    for _ in range(100):
        running = len(state(server)["running"])
        if running:
            return running
        time.sleep(0.05)
    return 0
