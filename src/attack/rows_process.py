"""Attacks on the process: no memory, files that are none, an index without measure, a log that nobody reads."""
import json
import os
import shutil
import signal
import threading
import time

import clients
import processes
from content import digest_of
from processes import wait_until

OUT_OF_MEMORY_STEP = """
        - bean:
            beanType: java.util.ArrayList
            method: ensureCapacity(1500000000)
"""
HEADER_STEP = """
        - setHeader:
            name: X-Edited
            expression:
              constant:
                expression: "%s"
"""


def out_of_memory(row):
    """A route that needs more memory than there is stands for any error of the virtual machine. The option that ends the process is off."""
    hot = row.fake()
    mirror = row.mirror(hot=hot, routes=True, exit_on_out_of_memory=False, settings={"MIRROR_ROUTES_RELOAD": "false"}, wait=True)
    mirror.stop()
    route = os.path.join(mirror.directory, "routes/manifest.camel.yaml")
    with open(route) as file:
        text = file.read()
    with open(route, "w") as file:
        file.write(text.replace("uri: direct:manifest\n      steps:\n", "uri: direct:manifest\n      steps:" + OUT_OF_MEMORY_STEP, 1))
    process = processes.Process(mirror.command, row.path("log"), mirror.directory, mirror.environment)
    row.started.append(process)
    ready = wait_until(lambda: mirror.ask("/health").status == 200 or not process.is_alive(), 60)
    if not row.check("the mirror starts with that route", ready and process.is_alive(), process.told()[-300:] if not process.is_alive() else ""):
        return
    answer = mirror.ask("/v2/team/app/manifests/1", timeout=5)
    ended = wait_until(lambda: not process.is_alive(), 10)
    row.check("the process ends with code 3", ended and process.process.returncode == 3,
              f"ended with {process.process.returncode}" if ended else f"it goes on; the client got {answer}")
    lines = [line for line in process.told().splitlines() if "ends with code 3" in line]
    row.check("one line tells why", len(lines) == 1 and "OutOfMemoryError" in lines[0], lines[0] if lines else "no line")


def bombs():
    """Returns what is put into routes/: a name, and a function that puts it there."""
    def pipe(path):
        os.mkfifo(path)

    def endless(path):
        os.symlink("/dev/zero", path)

    def comments(path):
        with open(path, "w") as file:
            for _ in range(60):
                file.write(("# " + "c" * 1021 + "\n") * 1024)

    def aliases(path):
        with open(path, "w") as file:
            file.write("- a0: &a0 [x]\n" + "".join(f"- a{i}: &a{i} [*a{i - 1}, *a{i - 1}]\n" for i in range(1, 25)))
    return {"a pipe": pipe, "a link to /dev/zero": endless, "60 MB of comments": comments, "24 levels of doubled aliases": aliases}


class SlowestHealth(threading.Thread):
    """Asks /health all the time, and remembers the longest answer."""

    def __init__(self, mirror):
        super().__init__(daemon=True)
        self.mirror, self.longest, self.going = mirror, 0.0, True

    def run(self):
        while self.going:
            self.longest = max(self.longest, self.mirror.ask("/health", timeout=10).seconds)
            time.sleep(0.05)

    def end(self):
        self.going = False
        self.join(15)
        return self.longest


def routes_folder(row):
    """Whoever may write routes/ is trusted, but a mistake there must not stop the mirror."""
    hot = row.fake()
    for number, (name, put) in enumerate(bombs().items()):
        row.variant = name
        mirror = row.mirror(hot=hot, routes=True)
        before = row.settled(mirror)
        bad = os.path.join(mirror.directory, "routes/bad.camel.yaml")
        watch = SlowestHealth(mirror)
        watch.start()
        put(bad)
        told = wait_until(lambda: "bad.camel.yaml" in mirror.observe("/observe/health?data=true").body.decode()
                          and mirror.observe("/observe/health").status == 503, 15)
        row.check("health tells of the file", told)
        # A thread of its own writes the log.
        row.check("the log tells of the file", wait_until(lambda: "bad.camel.yaml" in mirror.told(), 5))
        row.check("liveness stays UP", mirror.observe("/observe/health/live").status == 200)
        os.remove(bad)
        row.check("a good edit takes effect within 10 s", edit_takes_effect(mirror, f"edit-{number}"))
        longest = watch.end()
        # The event loop stood for 5 s; a busy machine may need a second or two to check routes.
        row.check("no /health took 4 s", longest < 4, f"the longest took {longest:.1f} s")
        row.unharmed(mirror, before, f"team/after-{number}")
        put(bad)
        time.sleep(1.5)
        if mirror.is_alive():
            seconds = mirror.stop(20)
            row.check("SIGTERM ends it within 10 s", seconds is not None and seconds < 10, f"{seconds or 20:.1f} s")
        code, output = mirror.check()
        row.check("check tells of the file, and ends with 1", code == 1 and "bad.camel.yaml" in output,
                  f"code {code}: {output.strip().splitlines()[-1][:120] if output.strip() else ''}")


def edit_takes_effect(mirror, value):
    route = os.path.join(mirror.directory, "routes/front-door.camel.yaml")
    with open(route) as file:
        text = file.read()
    with open(route + ".new", "w") as file:
        file.write(text.rstrip("\n") + HEADER_STEP % value)
    os.rename(route + ".new", route)
    return wait_until(lambda: mirror.ask("/v2/").header("X-Edited") == value, 10)


def large_index(row):
    hot = row.fake()
    mirror = row.mirror(hot=hot)
    before = row.settled(mirror)
    index = os.path.join(mirror.directory, "images/index.json")
    with open(index) as file:
        good = json.load(file)
    for count in (100_000, 400_000):
        row.variant = f"{count} entries"
        entries = [{**good["manifests"][0], "annotations": {"org.opencontainers.image.ref.name": f"library/entry-{i}:latest"}} for i in range(count)]
        with open(index + ".new", "w") as file:
            json.dump({**good, "manifests": good["manifests"] + entries}, file)
        os.rename(index + ".new", index)
        time.sleep(1)
        answers = clients.crowd_asks(mirror.port, 4, [(f"/v2/folder/missing-{count}-{i}/manifests/1", "GET", None) for i in range(40)], timeout=15)
        row.check("no pull is answered with 500", all(answer.status in (404, 503) for answer in answers), clients.counts(answers))
        pulls = [mirror.ask(f"/v2/team/folder-{count}-{i}/manifests/1") for i in range(5)]
        row.check("hot's images are served", all(pull.status == 200 for pull in pulls), clients.counts(pulls))
        folder = mirror.ask("/v2/library/hello/manifests/latest", timeout=10)
        row.check("the folder's image is served, or told as unavailable", folder.status in (200, 503), str(folder))
        if not mirror.is_alive():
            break
    code, output = mirror.check(60)
    row.check("check tells of the index, and ends with 1", code == 1 and "index.json" in output and "OutOfMemory" not in output,
              f"code {code}: {output.strip().splitlines()[-1][:160] if output.strip() else ''}")
    with open(index + ".new", "w") as file:
        json.dump(good, file)
    os.rename(index + ".new", index)
    row.variant = "the good index again"
    row.check("the folder's image is served within 15 s",
              mirror.is_alive() and wait_until(lambda: mirror.ask("/v2/library/hello/manifests/latest").status == 200, 15))
    row.unharmed(mirror, before)


def unread_output(row):
    hot = row.fake()
    read, write = os.pipe()
    mirror = row.mirror(hot=hot, stdout=write)
    os.close(write)
    # The pipe takes 64 kB: the lines of some hundred requests.
    before = row.settled(mirror)
    kinds = ["/health", "/v2/team/app/manifests/1", "/v2/"]
    slow = [0]
    own = [clients.Client(mirror.port, 5) for _ in range(8)]

    def one(number, index):
        if slow[0] >= 16:
            return None
        answer = own[number].ask(kinds[index % 3])
        slow[0] += answer.status != 200
        return answer
    began = time.monotonic()
    answers = [answer for answer in clients.crowd(8, list(range(20_000)), one, 90) if answer]
    for client in own:
        client.close()
    row.check("20,000 requests are answered", len(answers) == 20_000 and all(answer.status == 200 for answer in answers),
              f"{clients.counts(answers)} of {len(answers)} sent, in {time.monotonic() - began:.0f} s")
    if answers:
        row.check("none took 5 s", max(answer.seconds for answer in answers) < 5, f"the slowest {max(answer.seconds for answer in answers):.1f} s")
    row.check("/health answers", mirror.ask("/health").status == 200)
    dropped = mirror.metric("mirror_log_lines_dropped_total")
    row.check("dropped lines are counted", bool(dropped), "there is no such metric" if dropped is None else f"{dropped:.0f}")
    row.unharmed(mirror, before)
    row.variant = "somebody reads again"
    reader = threading.Thread(target=drain, args=(read,), daemon=True)
    reader.start()
    row.check("a pull is served", wait_until(lambda: mirror.ask("/v2/team/again/manifests/1").status == 200, 5))
    mirror.stop(20)
    reader.join(5)

    row.variant = "a stop while nobody reads"
    read, write = os.pipe()
    mirror = row.mirror(hot=hot, stdout=write)
    os.close(write)
    clients.crowd_asks(mirror.port, 4, [("/health", "GET", None)] * 1000, timeout=2, seconds=6)
    seconds = mirror.stop(20)
    row.check("SIGTERM ends it within 10 s", seconds is not None and seconds < 10, f"{seconds:.1f} s" if seconds else "more than 20 s")
    os.close(read)


def drain(pipe):
    while os.read(pipe, 65536):
        pass
    os.close(pipe)


ROWS = {
    4: ("no memory ends the process with a line and code 3", out_of_memory),
    13: ("files in routes/ that are none", routes_folder),
    14: ("an index without measure", large_index),
    15: ("standard output that nobody reads", unread_output),
}
