"""What is measured, and how."""
import asyncio
import re
import subprocess
import time
import urllib.error
import urllib.request

import content as made

MIRROR, PROXY, CACHE, REGISTRY = "mirror", "nginx proxy_pass", "nginx proxy_cache", "docker-registry cache"
ACCEPT = f"Accept: {made.MANIFEST}"
CROWD = 1000

# name: what it is called, path, status, peers. The path's names in braces are the content's.
LOADS = {
    "tag-hot": ("repeated tag, hot image", "/v2/library/hot/manifests/1", 200, (MIRROR, PROXY, CACHE, REGISTRY)),
    "tag-cold": ("repeated tag, cold-only image", "/v2/library/cold/manifests/1", 200, (MIRROR, PROXY, CACHE)),
    "digest": ("repeated digest, hot image", "/v2/library/hot/manifests/{hot_digest}", 200, (MIRROR, PROXY, CACHE, REGISTRY)),
    "blob-hot": ("repeated blob, hot", "/v2/library/hot/blobs/{hot_blob}", 200, (MIRROR, PROXY, CACHE)),
    "blob-cold": ("repeated blob, cold only", "/v2/library/cold/blobs/{cold_blob}", 200, (MIRROR, PROXY, CACHE)),
    "missing": ("missing image", "/v2/library/none/manifests/1", 404, (MIRROR, PROXY, CACHE)),
    "distinct": (f"different tags of {made.MANY:,} images, each once", None, 200, (MIRROR, PROXY, CACHE)),
}
ALL = [*LOADS, "one-core", "crowd", "stream", "start"]

DISTINCT = """
local n = 0
request = function()
  n = n + 1
  return wrk.format("GET", "/v2/library/many-" .. (n %% %d) .. "/manifests/r%s-" .. n)
end
"""


class NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *args):
        return None


OPENER = urllib.request.build_opener(NoRedirect)


def check(url, status, body=None):
    """Sees to it that what is measured is the right answer."""
    try:
        answer = OPENER.open(urllib.request.Request(url, headers={"Accept": made.MANIFEST}), timeout=20)
    except urllib.error.HTTPError as error:
        answer = error
    got = answer.read()
    if answer.status not in ((status, 307) if status == 200 else (status,)) or (answer.status == 200 and body and got != body):
        raise SystemExit(f"{url} answered {answer.status} with {len(got)} bytes")


def seconds(text):
    number, unit = re.fullmatch(r"([\d.]+)(us|ms|s|m)", text).groups()
    return float(number) * {"us": 1e-6, "ms": 1e-3, "s": 1, "m": 60}[unit]


def wrk(server, path, duration, connections=32, script=None, core=None):
    """Returns requests per second, p50 and p99 in seconds, CPU seconds per request, and answers that are errors."""
    command = ["wrk", "-t1", f"-c{connections}", f"-d{max(1, round(duration))}s", "--latency", "-H", ACCEPT]
    if script:
        command += ["-s", script]
    if core is not None:
        command = ["taskset", "-c", str(core), *command]
    before = server.cpu()
    out = subprocess.run([*command, server.url + (path or "")], check=True, capture_output=True, text=True).stdout
    used = server.cpu() - before
    requests = int(re.search(r"(\d+) requests in", out).group(1))
    errors = re.search(r"Non-2xx or 3xx responses: (\d+)", out)
    broken = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", out)
    return {"rate": float(re.search(r"Requests/sec:\s+([\d.]+)", out).group(1)),
            "p50": seconds(re.search(r"(?m)^ +50%\s+(\S+)", out).group(1)), "p99": seconds(re.search(r"(?m)^ +99%\s+(\S+)", out).group(1)),
            "cpu": used / max(1, requests), "requests": requests,
            "errors": (int(errors.group(1)) if errors else 0), "broken": sum(map(int, broken.groups())) if broken else 0}


def load(world, server, case, duration, tag):
    _, path, status, _ = LOADS[case]
    content = world.content
    if path is None:
        script = world.file("distinct.lua")
        with open(script, "w") as out:
            out.write(DISTINCT % (made.MANY, tag))
        result = wrk(server, None, duration, script=script)
    else:
        path = path.format(**{name: value for name, value in vars(content).items() if isinstance(value, str)})
        check(server.url + path, status, {"tag-hot": content.hot, "digest": content.hot, "tag-cold": content.cold}.get(case))
        result = wrk(server, path, duration)
    wrong = result["broken"] + (result["errors"] if status == 200 else result["requests"] - result["errors"])
    # What a peer gets wrong now and then is told beside its figures; more of it, or any of the mirror's, and nothing was measured.
    if wrong > (0 if server.name == MIRROR else result["requests"] / 1000):
        raise SystemExit(f"{case} at {server.name}: {result}")
    result["wrong"] = wrong
    return result


def warm_up(world, server, case, duration):
    """Loads the server until it takes no less CPU for a request than before. Java compiles while it runs; the others are ready at once."""
    before = load(world, server, case, duration / 2, f"w{server.name[:7].replace(' ', '')}")["cpu"]
    for number in range(10 if server.name == MIRROR else 0):
        now = load(world, server, case, duration, f"w{number}")["cpu"]
        if now > before * 0.95:
            break
        before = now


def measure(world, asked, duration, rounds):
    results = {"loads": {}, "memory": {}}
    peers = {MIRROR: world.mirror(), PROXY: world.nginx_proxy(PROXY), CACHE: world.nginx_proxy(CACHE, cache=True),
             REGISTRY: world.pull_through()}
    for server in peers.values():
        server.wait()
    loads = [name for name in LOADS if name in asked]
    for name in loads:
        print(f"warming up: {LOADS[name][0]}", flush=True)
        for peer in LOADS[name][3]:
            warm_up(world, peers[peer], name, duration)
    for number in range(rounds):
        for name in loads:
            # Each peer is first in its turn.
            order = list(LOADS[name][3])
            order = order[number % len(order):] + order[:number % len(order)]
            for peer in order:
                result = load(world, peers[peer], name, duration, f"{number}{peer[-5:]}")
                results["loads"].setdefault(name, {}).setdefault(peer, []).append(result)
                print(f"round {number + 1}, {LOADS[name][0]}, {peer}: {result['rate']:,.0f} requests/s", flush=True)
    results["memory"] = {name: server.memory() for name, server in peers.items()}
    for server in peers.values():
        server.stop()
    for name, one in (("one-core", one_core), ("crowd", crowd), ("stream", stream), ("start", start)):
        if name in asked:
            print(f"measuring: {name}", flush=True)
            results[name] = one(world, duration, rounds)
    return results


def one_core(world, duration, rounds):
    """256 connections; the server on one core, wrk on the other."""
    found = {}
    for peer, server in ((MIRROR, world.mirror(core=0)), (PROXY, world.nginx_proxy(PROXY, core=0))):
        server.wait()
        path = LOADS["tag-hot"][1]
        wrk(server, path, duration * 2, 256, core=1)
        found[peer] = []
        for _ in range(rounds):
            found[peer].append({**wrk(server, path, duration, 256, core=1), "memory": server.memory()})
        server.stop()
    return found


async def ask(port, path, count):
    """Asks for the same many times at once. Returns the statuses."""
    async def connect():
        return await asyncio.open_connection("127.0.0.1", port)

    async def one(reader, writer):
        writer.write(f"GET {path} HTTP/1.1\r\nHost: bench\r\n{ACCEPT}\r\nConnection: close\r\n\r\n".encode())
        answer = await reader.read()
        writer.close()
        return int(answer.split(b" ", 2)[1])
    connections = [await connect() for _ in range(count)]
    return await asyncio.gather(*(one(*connection) for connection in connections))


def crowd(world, _, rounds):
    """A thousand clients ask for a tag that nobody has asked for, of a registry that wants a token."""
    server = world.mirror(hot=world.guarded)
    server.wait()
    found = []
    for number in range(max(1, min(rounds, 3))):
        path = f"/v2/library/many-{number}/manifests/rcrowd"
        open(world.calls, "w").close()
        began = time.monotonic()
        statuses = asyncio.run(ask(server.port, path, CROWD))
        took = time.monotonic() - began
        time.sleep(0.5)
        with open(world.calls) as lines:
            calls = [line.split()[1] for line in lines]
        found.append({"served": statuses.count(200), "challenge": calls.count(path), "manifest": calls.count(path.replace("rcrowd", "1")), "token": calls.count("/token"),
                      "seconds": took})
    server.stop()
    return found


def stream(world, _, rounds):
    """A large blob through the server."""
    found = {MIRROR: [], PROXY: []}
    servers = {MIRROR: world.mirror(MIRROR_REGISTRY_HOT_BLOBS="proxy"), PROXY: world.nginx_proxy(PROXY)}
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
    for server in servers.values():
        server.stop()
    return found


def start(world, _, rounds):
    """From the start of the process to the first manifest."""
    path = LOADS["tag-hot"][1]
    found = {MIRROR: [], REGISTRY: []}
    for _ in range(rounds):
        for peer, begin in ((MIRROR, world.mirror), (REGISTRY, world.pull_through)):
            server = begin()
            found[peer].append(server.wait(path))
            server.stop()
    return found
