"""Attacks with blobs: ranges that nobody understands, answers that no registry should give, false bytes and false lengths."""
import time

import clients
import content
from fake_registry import Answer

WITH_ACCOUNT = "mirror:open-sesame"


def ranges_and_statuses(row):
    """Each fault leaked one or two pooled connections, until the registry could not be called any more."""
    ranges = ["bytes=-0", "bytes=0000000000000000001-", "bytes=-00", "bytes=00000000000000000000-1", "bytes=99999999999999999999-",
              "bytes=-99999999999999999999"]
    registry = row.docker_registry("team/app", "team/after")
    mirror = row.mirror(hot=registry)
    before = row.settled(mirror)
    for text in ranges[:2] + [None]:
        row.variant = f"Range {text}" if text else "Range of other kinds"
        requests = [(blob_path(row), "GET", {"Range": text or ranges[2 + i % 4]}) for i in range(200)]
        answers = clients.crowd_asks(mirror.port, 8, requests, seconds=15)
        row.figure(f"200 requests were answered with {clients.counts(answers)}")
        row.check("no request is answered with 5xx or not at all", all(0 < answer.status < 500 for answer in answers))
    good_pulls(row, mirror)
    row.unharmed(mirror, before)
    row.check("the registry is up", mirror.metric("mirror_registry_up", registry="hot") == 1
              and mirror.observe("/observe/health/ready").status == 200)
    mirror.stop()
    statuses(row)


def statuses(row):
    """A registry answers GET of a blob with a status that no registry should give. No client asked for a part."""
    row.variant = "registry answers 201, 202, 203, 204, 206 or 226"
    faulty = [False]

    def answer(request):
        # Other calls are good, so that the circuit breaker goes on to let calls pass.
        if faulty[0] and request.is_blob() and request.method == "GET" and request.headers.get("authorization"):
            status = (201, 202, 203, 204, 206, 226)[len(hot.calls) % 6]
            return Answer(status, [("Content-Range", "bytes 0-99/300000")] if status == 206 else [], b"" if status == 204 else row.image.layer)
        return None
    hot = row.fake(answer, WITH_ACCOUNT)
    mirror = row.mirror(hot=hot)
    before = row.settled(mirror)
    faulty[0] = True
    requests = [(blob_path(row), "GET", None) if i % 3 == 0 else (f"/v2/team/other-{i}/manifests/1", "GET", None) for i in range(900)]
    answers = clients.crowd_asks(mirror.port, 8, requests, seconds=20)
    row.figure(f"300 blobs among 900 requests: {clients.counts(answers)}")
    faulty[0] = False
    row.unharmed(mirror, before)


def blob_path(row, repository="team/app"):
    return f"/v2/{repository}/blobs/{row.image.layer_digest}"


def good_pulls(row, mirror):
    row.variant = "afterwards"
    whole = mirror.ask(blob_path(row))
    row.check("the blob is streamed", whole.status == 200 and whole.body == row.image.layer, str(whole))
    part = mirror.ask(blob_path(row), headers={"Range": "bytes=100-199"})
    row.check("a part is streamed", part.status == 206 and part.body == row.image.layer[100:200], str(part))


def heads_of_one_blob(row):
    """A registry that redirects blobs to its storage takes 0.1 s a call."""
    def answer(request):
        if request.path.startswith("/storage/"):
            return Answer(200, [("Content-Type", "application/octet-stream")], row.image.layer, delay=0.1)
        if request.is_blob() and request.reference == row.image.layer_digest:
            return Answer(307, [("Location", f"{hot.url}/storage/{request.repository.replace('/', '-')}")], delay=0.1)
        return None
    hot = row.fake(answer)
    mirror = row.mirror(hot=hot)
    before = row.settled(mirror)
    for again in (False, True):
        row.variant = "60 more" if again else "60 HEADs"
        hot.calls.clear()
        began = time.monotonic()
        answers = clients.crowd_asks(mirror.port, 60, [(blob_path(row, "team/heads"), "HEAD", None)] * 60, timeout=30)
        seconds = time.monotonic() - began
        calls = hot.calls_of("heads")
        row.check("each is answered with 200 and the length", all(
            answer.status == 200 and answer.header("Content-Length") == str(len(row.image.layer)) for answer in answers), clients.counts(answers))
        # One HEAD at the registry and one at its storage are right; a second try of either is no fault. Alone they take 0.2 s.
        row.check("in less than 3 s", seconds < 3, f"{seconds:.1f} s")
        row.check("with at most 4 calls", len(calls) <= 4, f"{len(calls)} calls")
    row.variant = ""
    row.unharmed(mirror, before)


def false_bytes(row):
    """A part that is the whole can be proved by its digest like the whole."""
    registry = row.docker_registry("team/app", "team/after")
    mirror = row.mirror(hot=registry)
    before = row.settled(mirror)
    size = len(row.image.layer)
    with open(registry.file_of(row.image.layer_digest), "r+b") as stored:
        stored.write(b"false bytes")
    fake_part(row, mirror, "docker-registry", [None, "bytes=0-", f"bytes=0-{size - 1}", f"bytes=-{size}"])
    with open(registry.file_of(row.image.layer_digest), "r+b") as stored:
        stored.write(row.image.layer)
    row.variant = "afterwards"
    for text in ("bytes=0-", "bytes=1-", f"bytes=-{size}"):
        answer = mirror.ask(blob_path(row), headers={"Range": text})
        start = 1 if text == "bytes=1-" else 0
        row.check(f"{text} of right bytes is answered with 206", answer.status == 206 and answer.body == row.image.layer[start:], str(answer))
    row.unharmed(mirror, before)

    def answer(request):
        if request.path.startswith("/storage/") and request.headers.get("range"):
            return Answer(206, [("Content-Range", f"bytes 0-{size - 1}/{size}")], bytes(size))
        if request.is_blob() and "false" in request.repository:
            return Answer(307, [("Location", f"{hot.url}/storage/1")])
        return None
    hot = row.fake(answer)
    mirror = row.mirror(hot=hot, settings={"MIRROR_REGISTRY_HOT_BLOBS": "proxy"})
    fake_part(row, mirror, "storage", ["bytes=0-", f"bytes=0-{size - 1}"], "team/false")


def fake_part(row, mirror, where, ranges, repository="team/app"):
    for text in ranges:
        row.variant = f"{where}, {'Range ' + text if text else 'no Range'}"
        answer = mirror.ask(blob_path(row, repository), headers={"Range": text} if text else None)
        row.check("false bytes do not arrive as a whole", answer.status not in (200, 206) and len(answer.body) < len(row.image.layer),
                  f"{answer}, {len(answer.body)} of {len(row.image.layer)} bytes")


def false_lengths(row):
    """A registry's Content-Length is no number; the client must not get it as it stands."""
    lengths = ["+200000", "+300000", "-1", "0x10", "1, 1", "5 5", "99999999999999999999", "", "٣"]
    length = [""]

    def answer(request):
        if request.path.startswith("/v2/team/length") and (request.headers.get("authorization") or request.repository.startswith("team/length-open")):
            if request.is_blob() and "storage" in request.repository:
                return Answer(307, [("Location", f"{hot.url}/storage/{request.reference}")])
            return bad(request)
        return bad(request) if request.path.startswith("/storage/") else None

    def bad(request):
        data = row.image.manifest if request.is_manifest() else row.image.layer
        # A byte that is no ASCII character stands for a digit of another script.
        shown = length[0].encode().decode("latin-1")
        headers = [("Content-Length", shown), ("Docker-Content-Digest", content.digest_of(data)),
                   ("Content-Type", content.MANIFEST if request.is_manifest() else "application/octet-stream")]
        return Answer(200, headers, data, length="own")
    hot = row.fake(answer, WITH_ACCOUNT)
    mirror = row.mirror(hot=hot)
    before = row.settled(mirror)
    for number, text in enumerate(lengths):
        length[0] = text
        row.variant = f"Content-Length '{text}'"
        told = []
        for kind in ("length", "length-storage"):
            for method in ("HEAD", "GET"):
                told.append((f"{method} blob, {kind}", mirror.ask(blob_path(row, f"team/{kind}-{number}"), method, timeout=12)))
        for method in ("HEAD", "GET"):
            told.append((f"{method} manifest", mirror.ask(f"/v2/team/length-{number}-m/manifests/1", method, timeout=12)))
        # The circuit breaker opens after some faults; good pulls close it again before the next length.
        good = clients.crowd_asks(mirror.port, 2, [(f"/v2/team/good-{number}-{i}/manifests/1", "GET", None) for i in range(20)])
        wrong = [f"{what}: {answer.status} {answer.header('Content-Length')!r}" for what, answer in told if answer.status == 200
                 and not sound(answer, row) or answer.status == 0 and "IncompleteRead" not in answer.error]
        row.check("no false length goes out", not wrong, "; ".join(wrong) or ", ".join(str(answer.status) for _, answer in told))
        row.figure(f"20 good pulls after it: {clients.counts(good)}")
        time.sleep(0 if all(answer.status == 200 for answer in good) else 1.5)
    row.variant = ""
    row.unharmed(mirror, before)


def sound(answer, row):
    text = answer.header("Content-Length")
    return text is None or text.isascii() and text.isdigit() and int(text) in (len(row.image.layer), len(row.image.manifest))


ROWS = {
    1: ("ranges that nobody understands, and statuses that no registry gives, leak no connection", ranges_and_statuses),
    6: ("HEADs of one blob share the calls", heads_of_one_blob),
    11: ("a part that is the whole is proved", false_bytes),
    12: ("a registry's Content-Length is digits", false_lengths),
}
