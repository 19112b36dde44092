"""Attacks with addresses: a registry sends the mirror to the mirror's own ports, or its requests back to it.

Only loopback is tried: an address such as 169.254.169.254 would leave this machine.
"""
import asyncio
import secrets

import clients
from content import digest_of
from fake_registry import Answer, FakeRegistry
from processes import wait_until

OWN_NAMES = ["127.0.0.1", "localhost", "127.0.0.2", "0.0.0.0", "[::1]", "[::]", "[::ffff:127.0.0.1]", "2130706433", "127.1"]


def own_ports(row):
    locations = {}

    def answer(request):
        if request.path.startswith("/v2/own/"):
            location = locations[request.repository]
            if request.repository.startswith("own/realm"):
                return Answer(401, [("WWW-Authenticate", f'Bearer realm="{location}",service="own"')])
            return Answer(307, [("Location", location)])
        return None
    hot = row.fake(answer)
    mirror = row.mirror(hot=hot, settings={"MIRROR_REGISTRY_HOT_BLOBS": "proxy"})
    before = row.settled(mirror)

    for number, name in enumerate(OWN_NAMES):
        locations[f"own/metrics-{number}"] = f"http://{name}:{mirror.management}/observe/metrics"
        answer = ask_among_good(row, mirror, hot, f"own/metrics-{number}", f"blobs/{row.image.layer_digest}")
        text = answer.body.decode(errors="replace")
        row.variant = f"blob at {name}, management port"
        row.check("the client gets nothing of the metrics", "# HELP" not in text and "jvm_" not in text,
                  f"{answer}, {len(answer.body)} bytes: {text[:30]!r}")

    kinds = {"blob": (f"blobs/{row.image.layer_digest}", "GET"), "blob-head": (f"blobs/{row.image.layer_digest}", "HEAD"),
             "manifest": ("manifests/1", "GET"), "manifest-head": ("manifests/1", "HEAD"), "tags": ("tags/list", "GET"),
             "referrers": (f"referrers/{row.image.manifest_digest}", "GET"), "realm": ("manifests/1", "GET"),
             "realm-blob": (f"blobs/{row.image.layer_digest}", "GET")}
    for number, name in enumerate(OWN_NAMES[:6]):
        for kind, (what, method) in kinds.items():
            locations[f"own/{kind}-{number}"] = f"http://{name}:{mirror.port}/called-by-itself/{kind}-{number}"
            ask_among_good(row, mirror, hot, f"own/{kind}-{number}", what, method)
    # Each line of the access log under this path is a call of the mirror to itself. A last request brings the lines out.
    mirror.ask("/health")
    for kind in kinds:
        row.variant = f"{kind} at the clients' port"
        called = mirror.access_lines(f"/called-by-itself/{kind}-")
        exact = [line for line in called if any(f"/called-by-itself/{kind}-{n}" in line for n in range(len(OWN_NAMES)))]
        row.check("the mirror does not call itself", not exact, f"{len(exact)} calls by {len(OWN_NAMES[:6])} names")
    row.variant = ""
    row.unharmed(mirror, before)


def ask_among_good(row, mirror, hot, repository, what, method="GET"):
    """Asks after two good pulls, so that the circuit breaker does not open: hot has to be asked, or nothing is shown."""
    for _ in range(2):
        mirror.ask(f"/v2/team/good-{secrets.token_hex(4)}/manifests/1")
    answer = mirror.ask(f"/v2/{repository}/{what}", method, timeout=12)
    if not hot.calls_of(repository + "/"):
        row.check(f"hot is asked for {repository}", False, str(answer))
    return answer


class ForwardingProxy(FakeRegistry):
    """Passes each request on to the port `target` with its path and its headers, as a load balancer does, and gives back the answer."""

    target = None

    async def serve(self, reader, writer):
        onward = None
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                self.calls.append(tuple(head.decode("latin-1").split(" ")[:2]))
                back, onward = await asyncio.open_connection("127.0.0.1", self.target)
                lines = [line for line in head.split(b"\r\n")[:-2] if not line.lower().startswith(b"connection:")]
                onward.write(b"\r\n".join([*lines, b"Connection: close", b"", b""]))
                writer.write(await back.read())
                await writer.drain()
                writer.close()
                return
        except (OSError, asyncio.IncompleteReadError):
            writer.close()
        finally:
            if onward:
                onward.close()


def returning_requests(row):
    """One request must cost a registry a call or two, not one for each worker."""
    proxy = ForwardingProxy(row.image)
    row.started.append(proxy)
    places = {}

    def answer(request):
        if request.path.startswith("/v2/loop/"):
            # Each tag leads to the next: those who want the same would wait for each other.
            return Answer(307, [("Location", f"{places[request.repository]}/v2/{request.repository}/manifests/{int(request.reference) + 1}")])
        return None
    hot = row.fake(answer)
    mirror = row.mirror(hot=hot)
    proxy.target = mirror.port
    before = row.settled(mirror)
    places.update({"loop/own": f"http://127.0.0.1:{mirror.port}", "loop/proxy": proxy.url, "loop/proxy-id": proxy.url})
    for repository, headers in (("loop/own", None), ("loop/proxy", None), ("loop/proxy-id", {"X-Request-ID": "chosen-by-a-client"})):
        row.variant = {"loop/own": "tag redirected to the mirror", "loop/proxy": "tag redirected by way of a proxy",
                       "loop/proxy-id": "the same with an id that the client chose"}[repository]
        served_by_hot_again(mirror)
        hot.calls.clear()
        answer_ = mirror.ask(f"/v2/{repository}/manifests/1", headers=headers, timeout=30)
        calls = len(hot.calls_of(repository + "/"))
        row.check("at most 4 calls", calls <= 4, f"{calls} calls; {answer_}")
        row.check("it is answered with an error within 4 s", 400 <= answer_.status < 600 and answer_.seconds < 4, str(answer_))
    row.variant = "hot is the mirror itself, by way of a proxy"
    circle = ForwardingProxy(row.image)
    row.started.append(circle)
    other = row.mirror(hot=circle, cold=row.fake())
    circle.target = other.port
    for what, path in (("a manifest", "/v2/team/circle/manifests/1"), ("a blob", f"/v2/team/circle-b/blobs/{row.image.layer_digest}")):
        answer_ = other.ask(path, timeout=30)
        calls = len(circle.calls_of(path))
        row.check(f"{what} takes at most 4 calls", calls <= 4, f"{calls} calls")
        row.check(f"cold serves {what} within 4 s", answer_.status in (200, 307) and answer_.seconds < 4, str(answer_))
    answer_ = other.ask("/v2/team/circle-t/tags/list", timeout=30)
    calls = len(circle.calls_of("circle-t"))
    row.check("a list takes at most 4 calls", calls <= 4, f"{calls} calls; {answer_}")
    other.stop()
    row.variant = "one id on many requests"
    served_by_hot_again(mirror)
    answers = clients.crowd_asks(mirror.port, 20, [(f"/v2/team/shared-{i}/manifests/1", "GET", {"X-Request-ID": "ci-job-7"}) for i in range(60)])
    row.check("all are served", all(answer.status == 200 and digest_of(answer.body) == row.image.manifest_digest for answer in answers),
              clients.counts(answers))
    row.variant = ""
    row.unharmed(mirror, before)


def served_by_hot_again(mirror):
    """An attack may have opened the circuit breaker; a probe and some good pulls close it again."""
    wait_until(lambda: mirror.ask(f"/v2/team/good-{secrets.token_hex(4)}/manifests/1").status == 200
               and mirror.metric("mirror_breaker_state", registry="hot", state="closed") == 1, 10)


ROWS = {
    9: ("a registry cannot send the mirror to its own ports", own_ports),
    10: ("a request that comes back is refused", returning_requests),
}
