"""The mirror and the real registries, as processes that are started, watched and always stopped."""
import base64
import http.client
import json
import os
import random
import re
import resource
import shutil
import signal
import socket
import subprocess
import time

import clients
import content

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
HEAP = ["-Xmx100m", "-XX:+UseSerialGC"]
EXIT_ON_OUT_OF_MEMORY = "-XX:+ExitOnOutOfMemoryError"


# No outgoing connection is ever given one of them, so that they can be left and taken again. The other steps of .ci and the tests in Java take others.
PORTS = range(11000, 12000)
START = random.randrange(len(PORTS))
ports = iter([*PORTS[START:], *PORTS[:START]])


def free_port():
    """Returns a free port, never the same twice."""
    for port in ports:
        with socket.socket() as probe:
            try:
                probe.bind(("", port))
                return port
            except OSError:
                pass
    raise RuntimeError("no free port is left")


def wait_until(condition, seconds):
    """Returns whether the condition became true in so many seconds."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


class Process:
    def __init__(self, command, log, cwd=None, environment=None, files=None, stdout=None):
        def limit_files():
            resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))

        self.log = log
        with open(log, "w") as output:
            self.process = subprocess.Popen(command, cwd=cwd, env=environment, stdin=subprocess.DEVNULL, stdout=stdout or output,
                                            stderr=output, start_new_session=True, preexec_fn=limit_files if files else None)
        self.pid = self.process.pid

    def is_alive(self):
        return self.process.poll() is None

    def told(self):
        with open(self.log, errors="replace") as log:
            return log.read()

    def stop(self, seconds=10.0):
        """Sends SIGTERM. Returns the seconds until the end, or None if it had to be killed."""
        began = time.monotonic()
        if self.is_alive():
            os.killpg(self.pid, signal.SIGTERM)
            try:
                self.process.wait(seconds)
            except subprocess.TimeoutExpired:
                os.killpg(self.pid, signal.SIGKILL)
                self.process.wait()
                return None
        return time.monotonic() - began


class Mirror(Process):
    """The packaged mirror, started with the README's command. Only URLs, ports and what the row names differ from the defaults."""

    def __init__(self, options, directory, hot=None, cold=None, settings=None, routes=False, exit_on_out_of_memory=True, files=None,
                 stdout=None, wait=True):
        os.makedirs(directory, exist_ok=True)
        shutil.copytree(os.path.join(ROOT, "images"), os.path.join(directory, "images"))
        if routes:
            shutil.copytree(os.path.join(ROOT, "routes"), os.path.join(directory, "routes"))
        self.directory = directory
        self.port, self.management = free_port(), free_port()
        self.tls = bool(settings and "MIRROR_SERVER_TLS_CERTIFICATE" in settings)
        environment = {name: value for name, value in os.environ.items() if not name.startswith("MIRROR_")}
        environment.update(MIRROR_SERVER_PORT=str(self.port), MIRROR_MANAGEMENT_PORT=str(self.management))
        for name, registry in (("HOT", hot), ("COLD", cold)):
            if registry:
                environment[f"MIRROR_REGISTRY_{name}_URL"] = registry.url
                if registry.account:
                    username, _, password = registry.account.partition(":")
                    environment.update({f"MIRROR_REGISTRY_{name}_USERNAME": username, f"MIRROR_REGISTRY_{name}_PASSWORD": password})
        environment.update(settings or {})
        self.jcmd = os.path.join(os.path.dirname(options.java), "jcmd") if os.sep in options.java else "jcmd"
        self.command = [options.java, *HEAP, *([EXIT_ON_OUT_OF_MEMORY] if exit_on_out_of_memory else []), "-jar", options.jar]
        self.environment = environment
        super().__init__(self.command, os.path.join(directory, "log"), directory, environment, files, stdout)
        if wait and not wait_until(lambda: self.ask("/health").status == 200 or not self.is_alive(), 60) or not self.is_alive():
            raise RuntimeError(f"the mirror does not start: {self.told()[-1500:]}")

    def ask(self, path, method="GET", headers=None, timeout=5.0):
        return clients.ask(self.port, path, method, headers, timeout, self.tls)

    def observe(self, path, timeout=5.0):
        return clients.ask(self.management, path, timeout=timeout)

    def metric(self, name, **labels):
        """Returns the sum of a metric's values with these labels; None where there is no such metric."""
        values = []
        for line in self.observe("/observe/metrics").body.decode(errors="replace").splitlines():
            match = re.match(rf"{name}(?:\{{(.*)\}})? (\S+)$", line)
            if match and all(f'{label}="{value}"' in (match[1] or "") for label, value in labels.items()):
                values.append(float(match[2]))
        return sum(values) if values else None

    def access_lines(self, part):
        return [line for line in self.told().splitlines() if '"access"' in line and part in line]

    def check(self, seconds=20):
        """Runs `check` beside the mirror. Returns its exit code, None if it did not end in time, and its output."""
        try:
            done = subprocess.run([*self.command, "check"], cwd=self.directory, env=self.environment, timeout=seconds,
                                  stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            return done.returncode, done.stdout
        except subprocess.TimeoutExpired as late:
            return None, (late.stdout or b"").decode(errors="replace")


class DockerRegistry(Process):
    """Debian's docker-registry with the account mirror:open-sesame, filled with the image as each of the repositories."""

    def __init__(self, directory, image, repositories):
        os.makedirs(directory)
        self.port, self.directory, self.image, self.account = free_port(), directory, image, "mirror:open-sesame"
        self.url = f"http://127.0.0.1:{self.port}"
        accounts = subprocess.run(["htpasswd", "-Bbn", "-C", "4", *self.account.split(":")], check=True, capture_output=True).stdout
        with open(os.path.join(directory, "htpasswd"), "wb") as out:
            out.write(accounts)
        with open(os.path.join(directory, "config.yml"), "w") as out:
            json.dump({"version": 0.1, "log": {"level": "error", "accesslog": {"disabled": True}},
                       "storage": {"filesystem": {"rootdirectory": os.path.join(directory, "data")}},
                       "http": {"addr": f"127.0.0.1:{self.port}"},
                       "auth": {"htpasswd": {"realm": "hot", "path": os.path.join(directory, "htpasswd")}}}, out)
        self.start()
        for repository in repositories:
            for data in (image.config, image.layer):
                location = self.put("POST", f"/v2/{repository}/blobs/uploads/").getheader("Location")
                self.put("PUT", location + "&digest=" + content.digest_of(data), data)
            self.put("PUT", f"/v2/{repository}/manifests/1", image.manifest, content.MANIFEST)

    def start(self):
        super().__init__(["docker-registry", "serve", os.path.join(self.directory, "config.yml")], os.path.join(self.directory, "log"))
        if not wait_until(lambda: clients.ask(self.port, "/v2/").status == 401, 30):
            raise RuntimeError(f"docker-registry does not start: {self.told()[-1500:]}")

    def put(self, method, target, data=b"", media_type="application/octet-stream"):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        connection.request(method, target.removeprefix(self.url), data, {
            "Content-Type": media_type, "Authorization": "Basic " + base64.b64encode(self.account.encode()).decode()})
        response = connection.getresponse()
        if response.status >= 300:
            raise RuntimeError(f"docker-registry: {method} {target}: {response.status} {response.read()}")
        response.read()
        connection.close()
        return response

    def file_of(self, digest):
        return os.path.join(self.directory, "data/docker/registry/v2/blobs/sha256", digest[7:9], digest[7:], "data")
