"""Attacks by clients' connections: heads without end, answers that nobody takes, connections without a request."""
import subprocess
import time

import clients
import content
from connections import Connections
from fake_registry import Answer
from processes import wait_until

MANIFEST_BYTES = 4 * 2**20 - 1024


def head(lines, line_bytes, path="/v2/", end=b""):
    """Returns a request's head of so many header lines, each of line_bytes with its end."""
    filler = b"".join(b"x%04d:%s\r\n" % (i, b"a" * (line_bytes - 8)) if line_bytes > 8 else b"%c%c%c:\r\n" % (
        97 + i // 676 % 26, 97 + i // 26 % 26, 97 + i % 26) for i in range(lines))
    return b"GET " + path.encode() + b" HTTP/1.1\r\nHost: a\r\n" + filler + end


def unfinished_heads(row):
    certificate = row.path("tls.crt"), row.path("tls.key")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj",
                    "/CN=localhost", "-days", "2", "-keyout", certificate[1], "-out", certificate[0]], check=True, capture_output=True)
    tls = {"MIRROR_SERVER_TLS_CERTIFICATE": certificate[0], "MIRROR_SERVER_TLS_KEY": certificate[1]}
    hot = row.fake(lambda request: Answer(200, [("Content-Type", content.MANIFEST)], row.image.manifest, delay=4)
                   if request.repository.startswith("team/slow") else None)
    # The management port takes heads of 8 kB, so that the lines are fewer and the connections more.
    for name, settings, lines, count in (("plain http", None, 2600, 600), ("TLS", tls, 2600, 600), ("management port", None, 1300, 1200)):
        row.variant = name
        mirror = row.mirror(hot=hot, settings=settings)
        before = row.settled(mirror)
        port = mirror.management if name == "management port" else mirror.port
        # Few long lines take no more memory than a head may, but the bound on lines does not refuse them.
        for lines, line_bytes in ((lines, 6), (lines // 28, 165)):
            row.variant = f"{name}, {lines} lines"
            hold_unfinished(row, mirror, port, count, head(lines, line_bytes))
            if not mirror.is_alive():
                break
        row.unharmed(mirror, before, f"team/after-{name.split()[0].lower()}")
        mirror.stop()
    for name, end in (("finished heads for a slow image", b"\r\n"), ("pipelined heads for a slow image", b"\r\n")):
        finished_heads(row, hot, name, end)


def hold_unfinished(row, mirror, port, count, unfinished):
    with Connections(port, count, mirror.tls) as attackers, Connections(port, 5, mirror.tls) as idle:
        attackers.send(unfinished, 10)
        row.check("the mirror serves meanwhile", mirror.is_alive() and mirror.ask("/health").status == 200
                  and mirror.observe("/observe/health/live").status == 200, f"{attackers.open()} of {count} connections are open")
        # Ten seconds for a head that has begun; the rest is for a busy machine. A header byte now and then prolongs nothing.
        began = time.monotonic()
        closed = wait_until(lambda: attackers.trickle() == 0 or not mirror.is_alive(), 20)
        row.check("a head that has begun has 10 s", closed and mirror.is_alive(),
                  f"{attackers.open()} of {count} connections are open after {time.monotonic() - began:.0f} s")
        if mirror.is_alive() and port != mirror.management:
            row.check("a connection without a request has longer", idle.open() == 5, f"{idle.open()} of 5 are open")


def finished_heads(row, hot, name, end):
    row.variant = name
    mirror = row.mirror(hot=hot)
    before = row.settled(mirror)
    one = head(95, 165, "/v2/team/slow/manifests/1", end)
    pipelined = name.startswith("pipelined")
    with Connections(mirror.port, 200 if pipelined else 600) as attackers:
        attackers.send(one * 90 if pipelined else one, 12)
        row.check("the mirror serves meanwhile", mirror.is_alive() and mirror.ask("/health").status == 200)
        answered = wait_until(lambda: attackers.answered() + attackers.closed() >= len(attackers) or not mirror.is_alive(), 20)
        row.check("each connection is answered or closed", answered and mirror.is_alive(),
                  f"{attackers.answered()} answered, {attackers.closed()} closed, of {len(attackers)}")
    if mirror.is_alive():
        with Connections(mirror.port, 600) as attackers:
            attackers.send(head(2600, 6, "/v2/team/slow-2/manifests/1", end), 10)
            wait_until(lambda: attackers.answered() + attackers.closed() >= 600 or not mirror.is_alive(), 20)
            row.check("a head of 2,600 lines is refused", mirror.is_alive() and b" 200 " not in attackers.first_answers(),
                      f"{attackers.answered()} answered, {attackers.closed()} closed, first {attackers.first_answers()[:30]!r}")
    row.unharmed(mirror, before, "team/after-" + name.split()[0])
    mirror.stop()


def slow_readers(row):
    """Four clients take manifests of 4 MiB at 32 kB every 2 s. (The issue says 20 s; what others get meanwhile does not depend on it.)"""
    large = [content.manifest(b"%d" % i, b"layer", MANIFEST_BYTES - 600) for i in range(8)]

    def answer(request):
        if request.repository.startswith("team/large"):
            return hot.manifest(large[int(request.repository.split("-")[-1])], None if "chunked" in request.repository else "true")
        return hot.manifest(row.image.manifest, None) if request.repository.startswith("team/chunked") else None
    hot = row.fake(answer)
    for kind in ("large", "large-chunked"):
        row.variant = "manifests in chunks" if "chunked" in kind else "manifests with a length"
        mirror = row.mirror(hot=hot)
        before = row.settled(mirror)
        with Connections(mirror.port, 8, receive_buffer=4096) as readers:
            for number, reader in enumerate(readers.sockets):
                reader.sendall(f"GET /v2/team/{kind}-{number}/manifests/1 HTTP/1.1\r\nHost: a\r\nAccept: {content.MANIFEST}\r\n\r\n".encode())
            time.sleep(1)
            for i in range(3):
                readers.take(32 * 1024)
                for what in ("chunked", "small"):
                    answers = clients.crowd_asks(mirror.port, 10, [(f"/v2/team/{what}-{kind}-{i}-{n}/manifests/1", "GET", None) for n in range(20)])
                    row.check(f"others get {what} manifests", all(answer.status == 200 for answer in answers),
                              f"{clients.counts(answers)}; the slowest took {max(answer.seconds for answer in answers):.1f} s")
                time.sleep(1)
        # What is kept: the manifests of 4 MiB, in a cache of 32 MB.
        row.unharmed(mirror, before, f"team/after-{kind}", more_heap_mb=32)
        mirror.stop()


def idle_connections(row):
    """400 connections without a request, where the process may have 256 files."""
    certificate = row.path("tls.crt"), row.path("tls.key")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj",
                    "/CN=localhost", "-days", "2", "-keyout", certificate[1], "-out", certificate[0]], check=True, capture_output=True)
    tls = {"MIRROR_SERVER_TLS_CERTIFICATE": certificate[0], "MIRROR_SERVER_TLS_KEY": certificate[1]}
    hot = row.fake()
    for name, settings, hands_shaken, management in (("plain http", None, False, False), ("TLS with a handshake", tls, True, False),
                                                     ("TLS without a handshake", tls, False, False), ("management port", None, False, True)):
        row.variant = name
        mirror = row.mirror(hot=hot, settings=settings, files=256)
        if name == "plain http":
            def warnings():
                return [line for line in mirror.told().splitlines() if '"WARN"' in line and "file" in line.lower()]
            # A thread of its own writes the log.
            told = wait_until(warnings, 5)
            row.check("a warning at the start tells that the limit on files is low", told, (warnings() or [""])[0][:140])
        before = row.settled(mirror, f"team/app-{len(name)}")
        with Connections(mirror.management if management else mirror.port, 400, hands_shaken, patient=True) as attackers:
            live = mirror.observe("/observe/health/live")
            health = mirror.ask("/health")
            if not management:
                row.check("the management port answers meanwhile", live.status == 200, str(live))
            row.check("/health answers meanwhile", health.status == 200, str(health))
            pull = mirror.ask(f"/v2/team/meanwhile-{len(name)}/manifests/1")
            row.check("a pull is served meanwhile", pull.status == 200, str(pull))
            row.figure(f"{attackers.open()} of 400 connections are open")
        row.unharmed(mirror, before, f"team/after-{len(name)}")
        mirror.stop()


ROWS = {
    2: ("heads under way are bounded", unfinished_heads),
    7: ("slow readers leave memory for others", slow_readers),
    16: ("idle connections leave files for others", idle_connections),
}
