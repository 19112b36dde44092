"""What is checked of a mirror after each attack: it serves, and it holds no more than before.

The bounds hold on a busy machine with two cores:

threads      at most 40 more. Workers end after 30 s without work, so the check waits up to 36 s for that.
files        at most 20 more: room for files that Java opens late. Connections to registries do not count, see the next line.
connections  none leased, no request in work and none waiting: each of these is given back as soon as its request ends.
heap         at most 16 MB more after a collection: what the mirror keeps for names that were asked for (4 MB a map), and tokens.
             A row whose manifests are kept in the cache says how much more it may be.
"""
import os
import re
import subprocess
import time

import clients

SERVES_SECONDS = 5
SETTLES_SECONDS = 36
MORE_THREADS, MORE_FILES, MORE_HEAP_MB = 40, 20, 16


class State:
    def __init__(self, mirror):
        with open(f"/proc/{mirror.pid}/status") as status:
            self.threads = int(re.search(r"Threads:\s+(\d+)", status.read())[1])
        self.files = files(mirror)
        self.leased = mirror.metric("mirror_registry_connections", state="leased")
        self.running = mirror.metric("mirror_requests_running")
        self.waiting = mirror.metric("mirror_requests_waiting")


def files(mirror):
    """Returns the number of open files, without connections to registries: a pool keeps those without work for up to a minute."""
    mine = set()
    for name in os.listdir(f"/proc/{mirror.pid}/fd"):
        try:
            mine.add(os.readlink(f"/proc/{mirror.pid}/fd/{name}"))
        except FileNotFoundError:
            mine.add(name)
    outgoing = set()
    for table in ("tcp", "tcp6"):
        with open(f"/proc/{mirror.pid}/net/{table}") as lines:
            for line in list(lines)[1:]:
                fields = line.split()
                local, remote = (int(fields[i].split(":")[1], 16) for i in (1, 2))
                if remote and local not in (mirror.port, mirror.management):
                    outgoing.add(f"socket:[{fields[9]}]")
    return len(mine - outgoing)


def heap_mb(mirror):
    """Returns the used heap after a collection, in MB; infinite where the process does not answer."""
    try:
        subprocess.run([mirror.jcmd, str(mirror.pid), "GC.run"], timeout=20, check=True, capture_output=True)
        told = subprocess.run([mirror.jcmd, str(mirror.pid), "GC.heap_info"], timeout=20, check=True, capture_output=True).stdout.decode()
    except (OSError, subprocess.SubprocessError):
        return float("inf")
    return sum(int(used) for used in re.findall(r"(?:generation|heap).*? used (\d+)K", told)) / 1024


def measure(mirror):
    state = State(mirror)
    state.heap_mb = heap_mb(mirror)
    return state


def check_unharmed(row, mirror, before, repository, more_heap_mb=0, folder_only=False):
    """Checks the mirror after an attack. `repository` has to be one that was not asked for before."""
    if not mirror.is_alive():
        row.check("the mirror is alive", False, f"it ended with code {mirror.process.poll()}: {last_line(mirror)}")
        return
    began = time.monotonic()
    tls, image = mirror.tls, row.image
    serves = {
        "a manifest is served": lambda left: clients.ask(
            mirror.port, "/v2/library/hello/manifests/latest" if folder_only else f"/v2/{repository}/manifests/1", timeout=left, tls=tls),
        "/health answers": lambda left: clients.ask(mirror.port, "/health", timeout=left, tls=tls),
        "liveness is UP": lambda left: mirror.observe("/observe/health/live", left),
        "metrics are there": lambda left: mirror.observe("/observe/metrics", left),
    }
    if not folder_only:
        serves["a blob is served"] = lambda left: clients.pull_blob(mirror.port, repository, image.layer_digest, left, tls)
    answers = {}
    while True:
        for what, ask in serves.items():
            if what not in answers or answers[what].status != 200:
                answers[what] = ask(max(0.5, SERVES_SECONDS - (time.monotonic() - began)))
        if all(answer.status == 200 for answer in answers.values()) or time.monotonic() - began > SERVES_SECONDS:
            break
        time.sleep(0.1)
    for what, answer in answers.items():
        if answer.status != 200:
            row.check(f"{what} within {SERVES_SECONDS} s", False, str(answer))
    if all(answer.status == 200 for answer in answers.values()):
        row.check(f"a pull, /health and the management port are served within {SERVES_SECONDS} s", True,
                  f"{time.monotonic() - began:.1f} s")
    check_state(row, mirror, before, more_heap_mb)


def check_state(row, mirror, before, more_heap_mb):
    deadline = time.monotonic() + SETTLES_SECONDS
    while True:
        if not mirror.is_alive():
            row.check("the mirror is alive", False, f"it ended with code {mirror.process.poll()}: {last_line(mirror)}")
            return
        now = State(mirror)
        back = (now.threads <= before.threads + MORE_THREADS and now.files <= before.files + MORE_FILES and not now.leased
                and now.running == 0 and now.waiting == 0)
        if back or time.monotonic() > deadline:
            break
        time.sleep(0.5)
    row.check(f"threads: at most {MORE_THREADS} more", now.threads <= before.threads + MORE_THREADS, f"{before.threads}, then {now.threads}")
    row.check(f"files: at most {MORE_FILES} more", now.files <= before.files + MORE_FILES, f"{before.files}, then {now.files}")
    row.check("no request in work or waiting", now.running == 0 and now.waiting == 0, f"{now.running}, {now.waiting}")
    if now.leased is None:
        row.figure("leased connections: this mirror has no metric mirror_registry_connections")
    else:
        row.check("no connection leased", now.leased == 0, f"{now.leased}")
    heap = heap_mb(mirror)
    most = MORE_HEAP_MB + more_heap_mb
    # What the mirror allocates after the collection counts, too: it may be checking routes at this moment. What it keeps is there each time.
    while heap > before.heap_mb + most and mirror.is_alive() and time.monotonic() < deadline + SETTLES_SECONDS:
        time.sleep(1)
        heap = heap_mb(mirror)
    row.check(f"heap after a collection: at most {most} MB more", heap <= before.heap_mb + most, f"{before.heap_mb:.0f}, then {heap:.0f} MB")


def last_line(mirror):
    lines = [line for line in mirror.told().splitlines() if line.strip()]
    return lines[-1][:160] if lines else "without a line"
