"""What the cases measure with."""
import re
import subprocess

import content as made
from servers import MIRROR

ACCEPT = f"Accept: {made.MANIFEST}"


def seconds(text):
    number, unit = re.fullmatch(r"([\d.]+)(us|ms|s|m)", text).groups()
    return float(number) * {"us": 1e-6, "ms": 1e-3, "s": 1, "m": 60}[unit]


def wrk(server, path, duration, status=200, connections=32, script=None, core=None, headers=()):
    """Returns requests per second, p50, p99 and the longest answer in seconds, CPU seconds per request, those that its garbage collection takes of them,
    its longest pause, the resident memory in bytes, and how many answers were wrong."""
    command = ["wrk", "-t1", f"-c{connections}", f"-d{max(1, round(duration))}s", "--latency"]
    for header in (ACCEPT, *headers):
        command += ["-H", header]
    if script:
        command += ["-s", script]
    if core is not None:
        command = ["taskset", "-c", str(core), *command]
    before, paused = server.cpu(), len(server.pauses())
    out = subprocess.run([*command, server.url + path], check=True, capture_output=True, text=True).stdout
    used, pauses = server.cpu() - before, server.pauses()[paused:]
    requests = int(re.search(r"(\d+) requests in", out).group(1))
    errors = re.search(r"Non-2xx or 3xx responses: (\d+)", out)
    errors = int(errors.group(1)) if errors else 0
    broken = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", out)
    wrong = (sum(map(int, broken.groups())) if broken else 0) + (errors if status == 200 else requests - errors)
    # A peer's wrong answers now and then are reported beside its figures; more of them, or any of the mirror's, and nothing was measured.
    if wrong > (0 if server.name == MIRROR else requests / 1000):
        raise SystemExit(f"{wrong} of {requests} answers by {server.name} were wrong: {out}")
    # Without any answer wrk prints times of 0.
    p50, p99 = (seconds(re.search(rf"(?m)^ +{share}%\s+(\S+)", out).group(1)) if requests else float("inf") for share in (50, 99))
    longest = seconds(re.search(r"(?m)^ +Latency +\S+ +\S+ +(\S+)", out).group(1)) if requests else float("inf")
    return {"rate": float(re.search(r"Requests/sec:\s+([\d.]+)", out).group(1)), "p50": p50, "p99": p99, "longest": longest,
            "cpu": used / max(1, requests), "collector": sum(pauses) / max(1, requests), "pause": max(pauses, default=0), "memory": server.memory(),
            "requests": requests, "wrong": wrong}


def in_turn(names, number):
    """Each is first in its turn."""
    number %= len(names)
    return names[number:] + names[:number]
