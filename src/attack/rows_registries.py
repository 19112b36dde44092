"""Attacks by what a registry answers: tokens without number, few failures among much that is missing, heads without measure."""
import secrets
import time

import clients
import content
from fake_registry import Answer, missing, token_answer
from processes import wait_until


def tokens(row):
    """The names of repositories need not exist; each has a token of its own."""
    long_name = "x" * 200
    large = [content.manifest(b"%d" % i, b"layer", 3_900_000) for i in range(8)]
    for size, repositories, cached in ((4_800, 10_000, large), (15_000, 2_000, []), (60_000, 500, [])):
        row.variant = f"{repositories} tokens of {size} bytes" + (", beside a full cache of manifests" if cached else "")
        size_now = [100]

        def answer(request, size_now=size_now):
            if request.path == "/token":
                return token_answer(secrets.token_hex(size_now[0] // 2))
            if request.headers.get("authorization") and request.repository.startswith("team/large"):
                return hot.manifest(large[int(request.repository.split("-")[-1])])
            if request.headers.get("authorization") or request.is_probe():
                return None
            scope = f"repository:{request.repository}:pull"
            return Answer(401, [("WWW-Authenticate", f'Bearer realm="{hot.url}/token",service="fake",scope="{scope}"')])
        hot = row.fake(answer)
        mirror = row.mirror(hot=hot, settings={"MIRROR_REGISTRY_HOT_BLOBS": "proxy"})
        before = row.settled(mirror)
        clients.crowd_asks(mirror.port, 1, [(f"/v2/team/large-{i}/manifests/1", "GET", None) for i in range(len(cached))])
        size_now[0] = size
        began = time.monotonic()
        answers = clients.crowd_asks(mirror.port, 16, [(f"/v2/r{i}-{long_name}/manifests/latest", "GET", None) for i in range(repositories)], seconds=60)
        row.figure(f"{clients.counts(answers)} in {time.monotonic() - began:.0f} s, {len(hot.calls_of('/token'))} tokens were given")
        size_now[0] = 100
        row.unharmed(mirror, before, more_heap_mb=32 if cached else 0)
        mirror.stop()
        hot.stop()


def few_failures(row):
    """What is not here is an answer: a registry that has little is well."""
    state = ["mixed"]

    def answer(request):
        if state[0] == "down":
            return Answer(500)
        if request.is_probe() or request.repository.startswith("team/"):
            return None
        if state[0] == "empty":
            return missing(delay=0.1)
        return Answer(500) if request.repository.startswith("mixed/") and int(request.repository.split("-")[-1]) % 20 == 0 else missing()
    hot = row.fake(answer)
    mirror = row.mirror(hot=hot, cold=row.fake())
    before = row.settled(mirror)

    row.variant = "95 % 404, 5 % 500"
    hot.calls.clear()
    answers = clients.crowd_asks(mirror.port, 4, [(f"/v2/mixed/of-{i}/manifests/1", "GET", None) for i in range(400)])
    asked = len({target for _, target in hot.calls_of("/v2/mixed/")})
    row.check("hot is asked for each of 400 images", asked == 400, f"{asked}")
    statuses = [answer.status for answer in answers]
    row.check("380 are missing, and 20 cannot be known", statuses.count(404) == 380 and statuses.count(503) == 20, clients.counts(answers))

    row.variant = "an outage, then hot has nothing"
    state[0] = "down"
    clients.crowd_asks(mirror.port, 4, [(f"/v2/down/{i}/manifests/1", "GET", None) for i in range(40)])
    row.check("the breaker is open", wait_until(lambda: mirror.metric("mirror_breaker_state", registry="hot", state="open") == 1, 5))
    state[0] = "empty"
    row.check("the breaker is no longer open within 10 s",
              wait_until(lambda: mirror.metric("mirror_breaker_state", registry="hot", state="open") == 0, 10))
    # While the registry is tried, three calls may be under way: one client has no more.
    for number, (many, who) in enumerate(((1, "one client"), (20, "20 clients"))):
        answers = clients.crowd_asks(mirror.port, many, [(f"/v2/empty/{number}-{i}/manifests/1", "GET", None) for i in range(60)])
        row.check(f"60 pulls of missing images by {who} are answered with 404", all(answer.status == 404 for answer in answers),
                  clients.counts(answers))
    row.check("the breaker is closed", wait_until(lambda: mirror.metric("mirror_breaker_state", registry="hot", state="closed") == 1, 5))
    row.variant = ""
    row.unharmed(mirror, before)


def long_heads(row):
    """Each head is 3 MB, or has thousands of challenges in little room; a hundred at a time."""
    line = ("x" * 16_300)
    heads = {
        "190 lines of 16 kB": (200, [(f"X-{i:03}", line) for i in range(190)]),
        "190 challenges of 16 kB": (401, [("WWW-Authenticate", "a " * 8_100) for _ in range(190)]),
        "60 lines of many challenges or parameters": (401, [("WWW-Authenticate", "a " * 500) for _ in range(30)] + [
            ("WWW-Authenticate", "Bearer " + ", ".join(f"p{i}=a" for i in range(130))) for _ in range(30)]),
        "the storage's head": (200, [(f"X-{i:03}", line) for i in range(190)]),
    }
    for name, (status, lines) in heads.items():
        row.variant = name
        faulty = [False]

        def answer(request, status=status, lines=lines, faulty=faulty, name=name):
            if not faulty[0] or request.is_probe():
                return None
            if name == "the storage's head" and not request.path.startswith("/storage/"):
                return Answer(307, [("Location", f"{hot.url}/storage/1")])
            return Answer(status, [*lines, ("Content-Type", content.MANIFEST)], row.image.manifest)
        hot = row.fake(answer)
        mirror = row.mirror(hot=hot, settings={"MIRROR_REGISTRY_HOT_BLOBS": "proxy"} if "storage" in name else None)
        before = row.settled(mirror)
        faulty[0] = True
        path = f"/blobs/{row.image.layer_digest}" if "storage" in name else "/manifests/1"
        answers = clients.crowd_asks(mirror.port, 100, [(f"/v2/team/head-{i}{path}", "GET", None) for i in range(200)], timeout=30, seconds=45)
        faulty[0] = False
        row.check("each request is answered within 30 s", all(answer.status for answer in answers), clients.counts(answers))
        row.unharmed(mirror, before)
        mirror.stop()
        hot.stop()


ROWS = {
    3: ("tokens are bounded by bytes", tokens),
    5: ("a registry that has little is asked", few_failures),
    8: ("heads and challenges of registries are bounded", long_heads),
}
