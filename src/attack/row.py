"""One row of attacks: what it started, what it checked, and the checks that all rows share."""
import os

import clients
import processes
import state
from content import Image
from fake_registry import FakeRegistry


class Row:
    def __init__(self, number, options, directory):
        self.number, self.options, self.directory = number, options, directory
        self.image = Image()
        self.failures = []
        self.started = []
        self.mirrors = 0
        self.variant = ""

    def check(self, what, passed, detail=""):
        """Prints a line, and counts a failure. Returns whether the check passed."""
        text = f"{self.number}: {self.variant + ': ' if self.variant else ''}{what}"
        print(f"{'ok' if passed else 'FAIL'} {text}{f' ({detail})' if detail else ''}", flush=True)
        if not passed:
            self.failures.append(f"{text} ({detail})" if detail else text)
        return passed

    def figure(self, text):
        print(f"    {text}", flush=True)

    def fake(self, answer=None, account=None):
        registry = FakeRegistry(self.image, answer, account)
        self.started.append(registry)
        return registry

    def docker_registry(self, *repositories):
        registry = processes.DockerRegistry(self.path("docker-registry"), self.image, repositories)
        self.started.append(registry)
        return registry

    def mirror(self, **details):
        self.mirrors += 1
        mirror = processes.Mirror(self.options, self.path(f"mirror-{self.mirrors}"), **details)
        self.started.append(mirror)
        return mirror

    def path(self, name):
        return os.path.join(self.directory, name)

    def settled(self, mirror, repository="team/app"):
        """Has the mirror do what it does in peace, so that classes are loaded and threads started. Returns its state then."""
        requests = [(f"/v2/{repository}/manifests/1", "GET", None), (f"/v2/{repository}/blobs/{self.image.layer_digest}", "GET", None),
                    ("/health", "GET", None), ("/v2/none/manifests/1", "GET", None)] * 50
        clients.crowd_asks(mirror.port, 4, requests, tls=mirror.tls)
        return state.measure(mirror)

    def unharmed(self, mirror, before, repository="team/after", **bounds):
        state.check_unharmed(self, mirror, before, repository, **bounds)

    def stop(self):
        for started in reversed(self.started):
            started.stop()
