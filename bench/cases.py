"""What is measured, and how."""
import asyncio
import base64
import itertools
import json
import subprocess
import time
import urllib.error
import urllib.request
from typing import NamedTuple, Optional

import client
import content as made
import pushes
import warming as copies
from measuring import ACCEPT, in_turn, wrk
from servers import AOT, CACHE, DIRECT, DISTRIBUTION, MIRROR, PROXY, REGISTRY, ZOT

CROWD = 1000
TAGS = 2000
SLOW, DELAY = 500, 2
CHECKED, LOGINS = "mirror, with access control and a token", 200
WITHOUT, FAR_MILLISECONDS, PULLS = "mirror, lookahead off", 30, 10


class Load(NamedTuple):
    title: str
    peers: tuple
    # What is asked for: one path, in which names in braces are the content's, or what a script of wrk's makes.
    path: Optional[str] = None
    script: Optional[str] = None
    status: int = 200
    # So many of the images are asked for once before.
    known: int = 0


DISTINCT = """
local n = 0
request = function()
  n = n + 1
  return wrk.format("GET", "/v2/library/many-" .. (n %% %(many)d) .. "/manifests/r%(tag)s-" .. n)
end
"""
RANDOM = """
math.randomseed(os.time())
request = function()
  return wrk.format("GET", "/v2/library/many-" .. math.random(0, %(tags)d - 1) .. "/manifests/1")
end
"""
LOADS = {
    "tag-hot": Load("repeated tag, hot image", (MIRROR, PROXY, CACHE, REGISTRY, DISTRIBUTION, DIRECT), "/v2/library/hot/manifests/1"),
    "tag-cold": Load("repeated tag, cold-only image", (MIRROR, PROXY, CACHE), "/v2/library/cold/manifests/1"),
    "digest": Load("repeated digest, hot image", (MIRROR, PROXY, CACHE, REGISTRY, DISTRIBUTION), "/v2/library/hot/manifests/{hot_digest}"),
    "blob-hot": Load("repeated blob, hot", (MIRROR, PROXY, CACHE), "/v2/library/hot/blobs/{hot_blob}"),
    "blob-cold": Load("repeated blob, cold only", (MIRROR, PROXY, CACHE), "/v2/library/cold/blobs/{cold_blob}"),
    "missing": Load("missing image", (MIRROR, PROXY, CACHE), "/v2/library/none/manifests/1", status=404),
    "tags": Load(f"repeated tags of {TAGS:,} images at random", (MIRROR, CACHE, REGISTRY, DISTRIBUTION), script=RANDOM, known=TAGS),
    "distinct": Load(f"different tags of {made.MANY:,} images, each once", (MIRROR, PROXY, CACHE), script=DISTINCT),
}


class NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *args):
        return None


OPENER = urllib.request.build_opener(NoRedirect)


def check(server, path, status, digest):
    """Sees to it that what is measured is the right answer."""
    url = server.url + path
    try:
        answer = OPENER.open(urllib.request.Request(url, headers={"Accept": made.MANIFEST}), timeout=20)
    except urllib.error.HTTPError as error:
        answer = error
    got = answer.read()
    if answer.status not in ((status, 307) if status == 200 else (status,)) or (answer.status == 200 and made.sha256(got) != digest):
        raise SystemExit(f"{url} answered {answer.status} with {len(got)} bytes")


def load(world, server, case, duration, tag):
    asked, content = LOADS[case], world.content
    path = (asked.path or "/v2/library/many-0/manifests/1").format(**{name: value for name, value in vars(content).items() if isinstance(value, str)})
    check(server, path, asked.status, content.digests.get(path, path.rsplit("/", 1)[1]))
    if not asked.script:
        return wrk(server, path, duration, asked.status)
    script = world.file(f"{case}.lua")
    with open(script, "w") as out:
        out.write(asked.script % {"many": made.MANY, "tags": TAGS, "tag": tag})
    return wrk(server, "", duration, script=script)


def warm_up(world, server, case, duration):
    """Loads the server until it takes no less CPU for a request than before. Java compiles while it runs; the others are ready at once."""
    if LOADS[case].known:
        client.divide(client.manifests, server.url, [f"library/many-{i}" for i in range(LOADS[case].known)])
    before = load(world, server, case, duration / 2, f"w{server.name[:7].replace(' ', '')}")["cpu"]
    for number in range(10 if server.name == MIRROR else 0):
        now = load(world, server, case, duration, f"w{number}")["cpu"]
        if now > before * 0.95:
            break
        before = now


def measure(world, asked, duration, rounds):
    results = {"loads": {}, "memory": {}}
    names = [name for name in LOADS if name in asked]
    if names:
        results["loads"], results["memory"] = loads(world, names, duration, rounds)
    for name, one in OTHERS.items():
        if name in asked:
            print(f"measuring: {name}", flush=True)
            results[name] = one(world, duration, rounds)
    return results


def loads(world, names, duration, rounds):
    """Returns the results by load and server, and each server's resident memory after all loads."""
    servers = world.ready({peer: None for name in names for peer in LOADS[name].peers})
    peers = {name: [peer for peer in LOADS[name].peers if peer in servers] for name in names}
    for name in names:
        print(f"warming up: {LOADS[name].title}", flush=True)
        for peer in peers[name]:
            warm_up(world, servers[peer], name, duration)
    found = {name: {peer: [] for peer in peers[name]} for name in names}
    for number in range(rounds):
        for name in names:
            for peer in in_turn(peers[name], number):
                result = load(world, servers[peer], name, duration, f"{number}{peer[-5:]}")
                found[name][peer].append(result)
                print(f"round {number + 1}, {LOADS[name].title}, {peer}: {result['rate']:,.0f} requests/s", flush=True)
    memory = {name: server.memory() for name, server in servers.items()}
    world.end(servers)
    return found, memory


def pulls(world, _, rounds):
    """Clients pull whole images that nobody has asked for. zot takes part in this alone: it has no image whose blobs the registry lacks."""
    servers = world.ready((MIRROR, REGISTRY, DISTRIBUTION, ZOT, DIRECT))
    found = {peer: [] for peer in servers}
    # The first round warms up.
    for number in range(rounds + 1):
        for peer in in_turn(list(servers), number):
            server = servers[peer]
            before, began = server.cpu(), time.monotonic()
            client.divide(client.pull, server.url, made.whole(number))
            took = time.monotonic() - began
            if number:
                found[peer].append({"rate": made.WHOLE / took, "cpu": (server.cpu() - before) / made.WHOLE, "memory": server.memory()})
                print(f"round {number}, whole images, {peer}: {made.WHOLE / took:,.0f} images/s", flush=True)
    world.end(servers)
    return found


def one_core(world, duration, rounds):
    """256 connections; the server on one core, wrk on the other."""
    found = {}
    path = LOADS["tag-hot"].path
    for peer in (MIRROR, PROXY):
        server = world.launch(peer, core=0)
        server.wait()
        wrk(server, path, duration * 2, connections=256, core=1)
        found[peer] = [wrk(server, path, duration, connections=256, core=1) for _ in range(rounds)]
        server.stop()
    return found


def first_seconds(world, duration, rounds):
    """The rate in each of the ten seconds after the first manifest, and the rate once Java has compiled what is hot. The server is on one core, wrk on
    the other."""
    path = LOADS["tag-hot"].path
    found = {}
    for _ in range(min(rounds, 3)):
        for peer in world.here((MIRROR, AOT)):
            server = world.launch(peer, core=0)
            server.wait(path)
            early = [wrk(server, path, 1, core=1)["rate"] for _ in range(10)]
            wrk(server, path, duration * 3, core=1)
            found.setdefault(peer, []).append({"early": early, **wrk(server, path, duration, core=1)})
            server.stop()
    return found


class Answer(NamedTuple):
    status: int
    body: bytes
    seconds: float


async def ask(port, paths, headers=()):
    """Asks for all paths at once, each on a connection of its own. A connection that closes without an answer has status 0."""
    head = "\r\n".join(("Host: bench", ACCEPT, *headers, "Connection: close"))

    async def one(path, reader, writer):
        writer.write(f"GET {path} HTTP/1.1\r\n{head}\r\n\r\n".encode())
        answer, _, body = (await asyncio.wait_for(reader.read(), 60)).partition(b"\r\n\r\n")
        writer.close()
        return Answer(int(answer[9:12] or 0), body, time.monotonic() - began)
    connections = [await asyncio.open_connection("127.0.0.1", port) for _ in paths]
    began = time.monotonic()
    return await asyncio.gather(*(one(path, *connection) for path, connection in zip(paths, connections)))


def served(content, paths, answers):
    """Returns how many of the answers are the manifests. Any other bytes with status 200, and nothing was measured."""
    for path, answer in zip(paths, answers):
        if answer.status == 200 and made.sha256(answer.body) != content.digests[path]:
            raise SystemExit(f"{path} was answered with {len(answer.body)} other bytes")
    return sum(answer.status == 200 for answer in answers)


def crowd(world, _, rounds):
    """A thousand clients ask for a tag that nobody has asked for, of a registry that wants a token."""
    # The registry has only manifests: lookahead would find no blob, and ask for a token once more to be sure.
    server = world.mirror(hot=world.guarded, MIRROR_LOOKAHEAD_CALLS="0")
    server.wait()
    found = []
    for number in range(min(rounds, 3)):
        path = f"/v2/library/many-{number}/manifests/rcrowd"
        open(world.calls, "w").close()
        began = time.monotonic()
        answers = asyncio.run(ask(server.port, [path] * CROWD))
        took = time.monotonic() - began
        time.sleep(0.5)
        with open(world.calls) as lines:
            calls = [line.split() for line in lines]
        paths = [call[0] for call in calls]
        found.append({"served": served(world.content, [path.replace("rcrowd", "1")] * CROWD, answers), "challenge": paths.count(path),
                      "manifest": paths.count(path.replace("rcrowd", "1")), "seconds": took, "memory": server.memory(),
                      # Without that of a probe.
                      "token": sum(path == "/token" and f"%2Fmany-{number}%3A" in arguments for path, arguments in calls)})
    server.stop()
    return found


async def meanwhile(port, path, running, headers=()):
    """Asks again and again while a task is running. Returns how many seconds each answer took."""
    found = []
    while not running.done():
        answer, = await ask(port, [path], headers)
        if answer.status != 200:
            raise SystemExit(f"{path} was answered with {answer.status} meanwhile")
        found.append(answer.seconds)
        await asyncio.sleep(0.05)
    return found


async def slow_pulls(content, server, number, quick):
    """Asks for so many images at once, and for the quick paths meanwhile."""
    paths = [f"/v2/library/many-{number * SLOW + i}/manifests/1" for i in range(SLOW)]
    running = asyncio.create_task(ask(server.port, paths))
    times = await asyncio.gather(*(meanwhile(server.port, path, running) for path in quick.values()))
    answers = await running
    took = sorted(answer.seconds for answer in answers)
    return {"served": served(content, paths, answers), "p99": took[len(took) * 99 // 100 - 1], "longest": took[-1], "memory": server.peak(),
            "quick": dict(zip(quick, times))}


def slow(world, _, rounds):
    """Clients ask at once for as many images that nobody has asked for, of a registry that takes its time; others for what is in memory. The first
    round is on servers that have just started, the others after thousands of quick pulls."""
    registry = world.slow_registry()
    registry.wait()

    def delay(seconds):
        urllib.request.urlopen(f"{registry.url}/delay/{seconds}").close()

    # By digest: a tag has to be looked up again after some seconds, which takes as long as the registry does.
    cached = f"/v2/library/hot/manifests/{world.content.hot_digest}"
    found = {}
    for peer, quick in ((MIRROR, {"health": "/health", "cached": cached}), (CACHE, {"cached": cached})):
        server = world.launch(peer, hot=registry.port)
        found[peer] = []
        server.wait(cached)
        for number in range(min(rounds, 3)):
            delay(DELAY)
            found[peer].append(asyncio.run(slow_pulls(world.content, server, number, quick)))
            delay(0)
            if number == 0:
                client.divide(client.manifests, server.url, [f"library/many-{i}" for i in range(3 * SLOW, made.MANY)])
        server.stop()
    registry.stop()
    return found


async def wrong_logins(server, token, path, longest):
    """Sends wrong passwords for so many seconds, each for another user, and asks for the quick paths meanwhile. Returns the times and how many logins were refused."""
    async def logins():
        refused, began = [], time.monotonic()
        while (left := began + len(refused) / LOGINS - time.monotonic()) < longest and len(refused) < longest * LOGINS:
            await asyncio.sleep(max(0, left))
            wrong = base64.b64encode(f"user{len(refused)}:wrong".encode()).decode()
            refused.append(asyncio.create_task(ask(server.port, ["/token?service=mirror-registry"], [f"Authorization: Basic {wrong}"])))
        return [answer.status for answers in await asyncio.gather(*refused) for answer in answers]
    running = asyncio.create_task(logins())
    health, cached = await asyncio.gather(meanwhile(server.port, "/health", running), meanwhile(server.port, path, running, [token]))
    statuses = await running
    return {"health": health, "cached": cached, "statuses": {status: statuses.count(status) for status in sorted(set(statuses))}}


def access(world, duration, rounds):
    """Repeated pulls with a token, of a mirror that checks who may pull, against those of one that does not; then wrong logins."""
    path = LOADS["tag-hot"].path
    checking = world.mirror_with_access("alice", "a password")
    servers = {MIRROR: world.mirror(), CHECKED: checking}
    for server in servers.values():
        server.wait("/health")
    basic = base64.b64encode(b"alice:a password").decode()
    asked = urllib.request.Request(f"{checking.url}/token?service=mirror-registry&scope=repository:library/hot:pull", headers={"Authorization": f"Basic {basic}"})
    with urllib.request.urlopen(asked) as answer:
        token = f"Authorization: Bearer {json.load(answer)['token']}"
    headers = {MIRROR: (), CHECKED: (token,)}
    for name, server in servers.items():
        for _ in range(4):
            wrk(server, path, duration, headers=headers[name])
    found = {name: [] for name in servers}
    for number in range(rounds):
        for name in in_turn(list(servers), number):
            found[name].append(wrk(servers[name], path, duration, headers=headers[name]))
            print(f"round {number + 1}, access, {name}: {found[name][-1]['rate']:,.0f} requests/s, {found[name][-1]['cpu'] * 1e6:.1f} µs", flush=True)
    cached = f"/v2/library/hot/manifests/{world.content.hot_digest}"
    storms = [asyncio.run(wrong_logins(checking, token, cached, max(5, duration))) for _ in range(min(rounds, 3))]
    world.end(servers)
    return {"pulls": found, "storms": storms}


def stream(world, _, rounds):
    """A large blob through the server."""
    servers = {MIRROR: world.mirror(MIRROR_REGISTRY_HOT_BLOBS="proxy"), PROXY: world.nginx_proxy()}
    found = {peer: [] for peer in servers}
    for server in servers.values():
        server.wait()
    for _ in range(rounds):
        for peer, server in servers.items():
            before, began = server.cpu(), time.monotonic()
            out = subprocess.run(["curl", "-s", "-o", "/dev/null", "-w", "%{size_download}",
                                  f"{server.url}/v2/library/hot/blobs/{world.content.big}"], check=True, capture_output=True, text=True)
            took = time.monotonic() - began
            if int(out.stdout) != made.BIG:
                raise SystemExit(f"{peer} streamed {out.stdout} bytes")
            found[peer].append({"rate": made.BIG / took / 1e6, "cpu": (server.cpu() - before) / made.BIG * 1e9, "memory": server.memory()})
    world.end(servers)
    return found


def start(world, _, rounds):
    """From the start of the process, or of the container, to the first manifest."""
    path = LOADS["tag-hot"].path
    found = {}
    for _ in range(rounds):
        for peer in world.here((MIRROR, AOT, REGISTRY, DISTRIBUTION)):
            server = world.launch(peer)
            found.setdefault(peer, []).append(server.wait(path))
            server.stop()
        if world.engine:
            server = world.container()
            found.setdefault(f"mirror, {world.engine} run", []).append(server.wait(path))
            found.setdefault("mirror, since its container was started", []).append(time.time() - server.started())
            server.stop()
    return found


def first_pull(world, _, rounds):
    """Images that nobody has pulled before, from a registry far away: directly, by way of the mirror, and by way of one that does not look ahead."""
    far = world.far(FAR_MILLISECONDS)
    far.wait()
    programs = {DIRECT: far, MIRROR: world.mirror(hot=far.port), WITHOUT: world.mirror(hot=far.port, MIRROR_LOOKAHEAD_CALLS="0")}
    for server in programs.values():
        server.wait()
    numbers = itertools.count()
    found = {name: {"seconds": [], "calls": []} for name in programs}
    # Java compiles during the first of them.
    for number in range((rounds + 2) * PULLS):
        for name, server in programs.items():
            calls(far)
            began = time.monotonic()
            client.pull_at_once(server.url, f"library/far-{next(numbers)}")
            took = time.monotonic() - began
            if number >= 2 * PULLS:
                found[name]["seconds"].append(took)
                found[name]["calls"].append(calls(far))
    world.end(programs)
    return found


def calls(far):
    """Returns how many calls for manifests and blobs the far registry has had since the last time, by method and kind."""
    with urllib.request.urlopen(far.url + "/calls") as answer:
        return {kind: count for kind, count in json.loads(answer.read()).items() if not kind.endswith("/v2/")}


def warm_up_copying(world, server, duration):
    """Loads the server until Java compiles in less than one fiftieth of the time: code of the database runs seldom and is compiled late. Gives up after twenty times."""
    for number in range(20):
        compiled, began = copies.compiling(server), time.monotonic()
        for case in copies.LOADS:
            load(world, server, case, duration, f"w{number}")
        if copies.compiling(server) - compiled < (time.monotonic() - began) / 50:
            break


def warming(world, duration, rounds):
    """Repeated pulls and misses while large images are copied and each miss is queued, against a mirror that copies nothing. Both run; the one that is not
    measured is paused, for its copies would take the processors."""
    names = copies.images(world.content)
    sink = world.sink()
    sink.wait()
    plan = {"MIRROR_PLAN": "hot, cold, near", "MIRROR_REGISTRY_NEAR_URL": sink.url}
    servers = {MIRROR: world.mirror(**plan), copies.BUSY: world.mirror(**plan, MIRROR_WARM_TO="near")}
    for server in servers.values():
        server.wait(LOADS["tag-hot"].path)
        server.pause()
    for name, server in servers.items():
        server.resume()
        for image in names if name == copies.BUSY else ():
            copies.ask(server, f"{image}:1")
        print(f"warming up: {name}", flush=True)
        warm_up_copying(world, server, duration)
        server.pause()
    found = {name: {case: [] for case in copies.LOADS} for name in servers}
    for number in range(rounds):
        for case in copies.LOADS:
            for name in in_turn(list(servers), number):
                server = servers[name]
                server.resume()
                load(world, server, case, 1, f"{number}b{name[-4:]}")
                before = copies.busy(server) if name == copies.BUSY else None
                result = load(world, server, case, duration, f"{number}{name[-4:]}")
                if name == copies.BUSY:
                    result["running"] = min(before, copies.busy(server))
                    result["copied"] = sum(item["bytesDone"] for item in copies.state(server)["running"])
                server.pause()
                found[name][case].append(result)
                print(f"round {number + 1}, {LOADS[case].title}, {name}: {result['rate']:,.0f} requests/s, {result['cpu'] * 1e6:.1f} µs"
                      + (f", {result['running']} copies running" if name == copies.BUSY else ""), flush=True)
    world.end({**servers, "sink": sink})
    return found


OTHERS = {"pulls": pulls, "one-core": one_core, "first-seconds": first_seconds, "crowd": crowd, "slow": slow, "stream": stream, "start": start, "first-pull": first_pull, "access": access,
          "push": pushes.push, "push-at-once": pushes.push_at_once, "warming": warming}
ALL = [*LOADS, *OTHERS]
