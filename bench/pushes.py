"""What is measured of pushes."""
import concurrent.futures
import contextlib
import os
import shutil
import tempfile
import time

import content as made
import push_client
from measuring import in_turn, wrk
from push_client import SIZED, STREAMED
from servers import DIRECT, MIRROR, PROXY

REGISTRY, SINK = "docker-registry", "a registry that drops the bytes"
UPLOADS, UPLOAD = 64, 50 * 2**20
ROOM = 8 * 2**30


@contextlib.contextmanager
def folder(work):
    """A folder for what a registry stores: in memory, if there is room, since a disk writes at a pace of its own."""
    with open("/proc/meminfo") as info:
        available = next(int(line.split()[1]) * 1024 for line in info if line.startswith("MemAvailable:"))
    in_memory = available > ROOM and os.path.isdir("/dev/shm") and shutil.disk_usage("/dev/shm").free > ROOM
    with tempfile.TemporaryDirectory(prefix="mirror-bench.", dir="/dev/shm" if in_memory else work) as name:
        yield name


def forget(store):
    """Deletes all that a registry has stored, so that each upload finds as little as the first one."""
    for name in os.listdir(store):
        shutil.rmtree(os.path.join(store, name))


def ready(servers):
    for name, server in servers.items():
        server.wait("/health" if name == MIRROR else "/v2/")


def one(programs, name, layer, way, store):
    """Pushes a layer. Returns MB/s, CPU seconds per GB, those of the registry as well, and the most memory in bytes."""
    server, target = programs[name], programs[DIRECT]
    server.reset_peak()
    before, behind = server.cpu(), target.cpu()
    took = push_client.push(server.url, "library/pushed", layer, way)
    forget(store)
    return {"rate": layer.size / took / 1e6, "cpu": (server.cpu() - before) / layer.size * 1e9, "behind": (target.cpu() - behind) / layer.size * 1e9,
            "memory": server.peak()}


def push(world, _, rounds):
    """One large layer, in both ways in which clients send it: directly, through nginx, and through the mirror."""
    layer = push_client.layer(made.BIG)
    found = {}
    for title in (SINK, REGISTRY):
        with folder(world.work) as store:
            target = world.sink() if title == SINK else world.storing_registry(store)
            target.wait()
            programs = {DIRECT: target, PROXY: world.nginx_for_pushes(target.port), MIRROR: world.mirror_for_pushes(target.url)}
            ready(programs)
            found[title] = {way: {name: [] for name in programs} for way in (STREAMED, SIZED)}
            # Java compiles during the first uploads.
            for way in found[title]:
                one(programs, MIRROR, layer, way, store)
            # One that stores and hashes takes its time.
            for number in range(rounds if title == SINK else min(rounds, 3)):
                for way, results in found[title].items():
                    for name in in_turn(list(programs), number):
                        result = one(programs, name, layer, way, store)
                        results[name].append(result)
                        print(f"round {number + 1}, push to {title}, {way}, {name}: {result['rate']:,.0f} MB/s, {result['cpu']:.2f} CPU s per GB", flush=True)
            world.end(programs)
    return found


def stored(server, layers, way):
    """Pushes all layers at once. Returns how many were stored, how many seconds it took, and why others were not."""
    why = []

    def send(number, layer):
        try:
            push_client.push(server.url, f"library/pushed-{number}", layer, way)
        except push_client.PushFailed as e:
            why.append(str(e))
    began = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(len(layers)) as threads:
        list(threads.map(send, range(len(layers)), layers))
    return {"stored": len(layers) - len(why), "seconds": time.monotonic() - began, "why": why}


def pulls_meanwhile(server, path, running):
    """Pulls until the uploads are done. Returns what was measured while they ran."""
    found = []
    while not running.done():
        pulls = wrk(server, path, 2)
        if not running.done():
            found.append(pulls)
    return found


def at_once(server, layers, path, store, duration):
    """Pushes all layers at once, alone, then with pulls meanwhile, then has pulls alone."""
    server.reset_peak()
    before = server.memory()
    alone = stored(server, layers, STREAMED)
    forget(store)
    with concurrent.futures.ThreadPoolExecutor(1) as thread:
        running = thread.submit(stored, server, layers, STREAMED)
        pulls = pulls_meanwhile(server, path, running)
    forget(store)
    peak, after = server.peak(), server.memory()
    quiet = wrk(server, path, duration)
    return {"stored": min(alone["stored"], running.result()["stored"]), "why": alone["why"] + running.result()["why"], "seconds": alone["seconds"],
            "busy": running.result()["seconds"], "before": before, "memory": peak, "after": after, "quiet": quiet, "pulls": pulls}


def push_at_once(world, duration, rounds):
    """Many layers at once, and pulls of a tag that is cached meanwhile."""
    layers = [push_client.layer(UPLOAD, number) for number in range(UPLOADS)]
    path = "/v2/library/hot/manifests/1"
    with folder(world.work) as store:
        target = world.storing_registry(store)
        target.wait()
        servers = {PROXY: world.nginx_for_pushes(target.port), MIRROR: world.mirror_for_pushes(target.url)}
        ready(servers)
        # Java compiles during the first pulls and uploads.
        for _ in range(4):
            wrk(servers[MIRROR], path, duration)
        stored(servers[MIRROR], layers[:8], STREAMED)
        forget(store)
        found = {name: [] for name in servers}
        for number in range(min(rounds, 3)):
            for name in in_turn(list(servers), number):
                result = at_once(servers[name], layers, path, store, duration)
                found[name].append(result)
                print(f"round {number + 1}, {UPLOADS} pushes at once, {name}: {result['seconds']:.1f} s, {result['busy']:.1f} s with pulls; {result['stored']} stored "
                      f"{result['why'][:1] or ''}", flush=True)
        world.end({**servers, DIRECT: target})
    return found
