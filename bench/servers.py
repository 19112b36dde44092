"""The upstream registries, the mirror, and what it is compared with: started, watched and stopped."""
import datetime
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request

import content as made

MIRROR, AOT, PROXY, CACHE = "mirror", "mirror, AOT cache", "nginx proxy_pass", "nginx proxy_cache"
REGISTRY, DISTRIBUTION, ZOT, DIRECT = "docker-registry cache", "distribution v3 cache", "zot cache", "the registry itself"
# Pinned, so that two runs measure the same program.
DISTRIBUTION_MODULE = "github.com/distribution/distribution/v3/cmd/registry@v3.1.2"
JAVA = ["java", *os.environ.get("BENCH_JAVA_OPTIONS", "-Xmx100m -XX:+UseSerialGC").split()]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def build_distribution(folder):
    """Returns the program, or None and why there is none."""
    if not shutil.which("go"):
        return None, "there is no Go to build it"
    built = subprocess.run(["go", "install", DISTRIBUTION_MODULE], env={**os.environ, "GOBIN": folder}, capture_output=True, text=True)
    if built.returncode:
        return None, (built.stderr.strip().splitlines() or ["go install failed"])[-1]
    return os.path.join(folder, "registry"), None


def container_engine(image):
    """Returns the program that has the image, or None."""
    for engine in ("docker", "podman"):
        if shutil.which(engine) and not subprocess.run([engine, "image", "inspect", image], capture_output=True).returncode:
            return engine
    return None


class Server:
    """One program, with all its processes."""

    def __init__(self, name, command, port, log, environment=None, core=None, cwd=None, collector_log=None):
        self.name, self.port, self.log, self.collector_log = name, port, log, collector_log
        self.url = f"http://127.0.0.1:{port}"
        self.began = time.monotonic()
        if core is not None:
            command = ["taskset", "-c", str(core), *command]
        self.process = subprocess.Popen(command, stdout=open(log, "w"), stderr=subprocess.STDOUT, cwd=cwd,
                                        env={**os.environ, **(environment or {})}, start_new_session=True)

    def wait(self, path="/v2/"):
        """Returns how many seconds it took from the start to the first answer."""
        while True:
            try:
                request = urllib.request.Request(self.url + path, headers={"Accept": made.MANIFEST})
                with urllib.request.urlopen(request, timeout=5) as answer:
                    answer.read()
                return time.monotonic() - self.began
            except OSError:
                if self.process.poll() is not None or time.monotonic() - self.began > 30:
                    with open(self.log) as told:
                        raise SystemExit(f"{self.name} does not answer at {self.url + path}: {told.read()[-2000:]}")
                time.sleep(0.005)

    def processes(self):
        found, todo = [], [self.process.pid]
        while todo:
            pid = todo.pop()
            found.append(pid)
            with open(f"/proc/{pid}/task/{pid}/children") as children:
                todo += [int(child) for child in children.read().split()]
        return found

    def cpu(self):
        """Returns the CPU seconds used so far."""
        ticks = 0
        for pid in self.processes():
            with open(f"/proc/{pid}/stat") as stat:
                fields = stat.read().rsplit(")", 1)[1].split()
            ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")

    def memory(self):
        """Returns the resident memory in bytes, shared pages counted once."""
        total = 0
        for pid in self.processes():
            with open(f"/proc/{pid}/smaps_rollup") as rollup:
                total += sum(int(line.split()[1]) * 1024 for line in rollup if line.startswith("Pss:"))
        return total

    def peak(self):
        """Returns the most resident memory so far, in bytes. Pages that processes share count for each of them."""
        total = 0
        for pid in self.processes():
            with open(f"/proc/{pid}/status") as status:
                total += sum(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM:"))
        return total

    def reset_peak(self):
        """Has the peak count from now on."""
        for pid in self.processes():
            with open(f"/proc/{pid}/clear_refs", "w") as refs:
                refs.write("5")

    def pauses(self):
        """Returns how many seconds each pause for garbage collection took so far; none if the server is not in Java."""
        if not self.collector_log:
            return []
        with open(self.collector_log) as log:
            return [float(pause) / 1000 for pause in re.findall(r"Pause .* ([\d.]+)ms$", log.read(), re.MULTILINE)]

    def pause(self):
        """Lets the server do nothing until it is resumed."""
        os.killpg(self.process.pid, signal.SIGSTOP)

    def resume(self):
        os.killpg(self.process.pid, signal.SIGCONT)

    def stop(self):
        if self.process.poll() is None:
            self.resume()
            os.killpg(self.process.pid, signal.SIGTERM)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()


class Container(Server):
    """A program in a container, on the network of this machine."""

    def __init__(self, name, engine, image, port, log, environment):
        self.engine, self.container = engine, f"mirror-bench-{port}"
        variables = [part for variable in environment for part in ("-e", variable)]
        super().__init__(name, [engine, "run", "--rm", "--name", self.container, "--network", "host", *variables, image], port, log, environment)

    def started(self):
        """Returns the time (Unix, seconds) at which the engine started the program, once it had made the container."""
        text = subprocess.run([self.engine, "inspect", "-f", "{{json .State.StartedAt}}", self.container], check=True, capture_output=True, text=True).stdout
        return datetime.datetime.fromisoformat(re.sub(r"(\.\d{6})\d*", r"\1", json.loads(text)).replace("Z", "+00:00")).timestamp()

    def stop(self):
        if self.process.poll() is None:
            subprocess.run([self.engine, "rm", "-f", self.container], capture_output=True)
        super().stop()


class World:
    """All servers of a run."""

    def __init__(self, root, work, content, programs=None, image=None, engine=None):
        """The programs are those of the pull-through caches by name, None where there is none; the image is the mirror's, if the engine has it."""
        self.root, self.work, self.content = root, work, content
        self.programs, self.image, self.engine = programs or {}, image, engine
        self.servers = []
        self.number = 0
        self.jar = os.path.join(root, "target", "mirror-registry.jar")
        self.hot, self.cold, self.guarded = free_port(), free_port(), free_port()
        self.registry = self.nginx(DIRECT, self.hot, self.upstream())
        self.registry.wait()

    def here(self, names):
        """Returns those of the servers that this machine can start."""
        if AOT in names and AOT not in self.programs:
            self.programs[AOT] = self.train()
        return [name for name in names if self.programs.get(name, True)]

    def launch(self, name, **options):
        if name == DIRECT:
            return self.registry
        ways = {MIRROR: self.mirror, AOT: self.mirror_with_aot_cache, PROXY: self.nginx_proxy, CACHE: self.nginx_cache, ZOT: self.zot}
        return ways[name](**options) if name in ways else self.pull_through(name)

    def ready(self, names):
        """Starts servers, and waits until they respond."""
        servers = {name: self.launch(name) for name in self.here(names)}
        for server in servers.values():
            server.wait()
        return servers

    def end(self, servers):
        for server in servers.values():
            if server is not self.registry:
                server.stop()

    def add(self, server):
        self.servers.append(server)
        return server

    def stop(self):
        for server in reversed(self.servers):
            server.stop()

    def file(self, name):
        self.number += 1
        return os.path.join(self.work, f"{self.number}-{name.replace(chr(32), chr(45))}")

    def nginx(self, name, port, http, workers="auto", core=None):
        directory = self.file(name)
        os.makedirs(directory)
        config = os.path.join(directory, "nginx.conf")
        with open(config, "w") as out:
            out.write(f"""{"user root;" if os.geteuid() == 0 else ""}
daemon off; worker_processes {workers}; pid {directory}/pid; error_log {directory}/error.log; worker_rlimit_nofile 8192;
events {{ worker_connections 4096; }}
http {{
  access_log off; keepalive_requests 100000000; sendfile on; tcp_nopush on;
  client_body_temp_path {directory}/1; proxy_temp_path {directory}/2; fastcgi_temp_path {directory}/3;
  uwsgi_temp_path {directory}/4; scgi_temp_path {directory}/5;
{http.replace("@DIRECTORY@", directory)}
}}
""")
        return self.add(Server(name, ["nginx", "-c", config, "-e", f"{directory}/error.log"], port, f"{directory}/out", core=core))

    def upstream(self):
        """Static registries: hot, cold, and hot once more behind a token service."""
        digests = os.path.join(self.work, "digests.map")
        with open(digests, "w") as out:
            out.writelines(f"{path} {digest};\n" for path, digest in self.content.digests.items())
        self.calls = os.path.join(self.work, "guarded.log")
        locations = """
    default_type application/octet-stream;
    # Any tag r... of the many images is the same, so that each round may ask for tags that nobody knows.
    rewrite ^(?<many>/v2/library/many-[0-9]+/manifests/)r ${many}1 break;
    location = /v2/ { default_type application/json; return 200 "{}"; }
    location ~ /manifests/ { default_type %s; add_header Docker-Content-Digest $digest; }
""" % made.MANIFEST
        root = self.content.directory
        return f"""
  map_hash_max_size 65536; map_hash_bucket_size 256;
  map $uri $digest {{ default ""; ~/manifests/(?<asked>sha256:[0-9a-f]+)$ $asked; include {digests}; }}
  log_format calls "$uri $args";
  server {{ listen 127.0.0.1:{self.hot} backlog=4096; root {root}/hot; {locations} }}
  server {{ listen 127.0.0.1:{self.cold} backlog=4096; root {root}/cold; {locations} }}
  server {{ listen 127.0.0.1:{self.guarded} backlog=4096; root {root}/hot; access_log {self.calls} calls; set $challenge "";
    location = /token {{ default_type application/json; return 200 '{{"token":"abc","expires_in":300}}'; }}
    add_header WWW-Authenticate 'Bearer realm="http://127.0.0.1:{self.guarded}/token",service="bench"' always;
    if ($http_authorization = "") {{ set $challenge 1; }}
    if ($uri = /token) {{ set $challenge ""; }}
    if ($challenge) {{ return 401; }}
    {locations} }}"""

    def settings(self, port, hot=None):
        return {"MIRROR_SERVER_PORT": str(port), "MIRROR_MANAGEMENT_PORT": str(free_port()),
                "MIRROR_REGISTRY_HOT_URL": f"http://127.0.0.1:{hot or self.hot}",
                "MIRROR_REGISTRY_COLD_URL": f"http://127.0.0.1:{self.cold}"}

    def train(self):
        """Makes an AOT cache as the image does. Returns the file; None where Java knows no such cache."""
        cache = self.file("mirror.aot")
        script = os.path.join(self.root, "deploy", "docker", "aot-cache.sh")
        subprocess.run(["bash", script, self.jar, cache, "-XX:+UseSerialGC"], check=True, cwd=self.root, capture_output=True)
        return cache if os.path.getsize(cache) else None

    def mirror_with_aot_cache(self, core=None):
        return self.mirror(core=core, java=[f"-XX:AOTCache={self.programs[AOT]}"])

    def mirror(self, hot=None, core=None, java=(), **settings):
        port = free_port()
        directory = self.file(MIRROR)
        os.makedirs(directory)
        collector_log = f"{directory}/collector.log"
        command = [*JAVA, *java, f"-Xlog:gc:file={collector_log}", "-jar", self.jar]
        variables = {**self.settings(port, hot), **settings}
        server = self.add(Server(MIRROR, command, port, f"{directory}/log", variables, core, directory, collector_log))
        server.management = f"http://127.0.0.1:{variables['MIRROR_MANAGEMENT_PORT']}"
        return server

    def mirror_with_access(self, user, password):
        """A mirror that this user may pull all from, and nobody else."""
        directory = self.file("access")
        os.makedirs(directory)
        with open(os.path.join(directory, "access.yaml"), "w") as out:
            out.write("""users: users.htpasswd
groups: {admins: [root]}
rules:
  - {who: anyone, repositories: "public/**", may: [pull]}
  - {who: "group:admins", repositories: "**", may: [pull]}
  - {who: users, repositories: "{user}/**", may: [pull]}
  - {who: users, repositories: "**", may: [pull]}
""")
        settings = {"MIRROR_ACCESS_FILE": os.path.join(directory, "access.yaml")}
        subprocess.run([*JAVA, "-jar", self.jar, "user", "add", user], input=password, text=True, check=True, env={**os.environ, **settings}, cwd=directory,
                       capture_output=True)
        return self.mirror(**settings)

    def mirror_for_pushes(self, target):
        """A mirror through which everybody may push to the registry at this URL."""
        access = self.file("access.yaml")
        with open(access, "w") as out:
            out.write('rules: [{who: anyone, repositories: "**", may: [pull, push]}]\n')
        return self.mirror(MIRROR_ACCESS_FILE=access, MIRROR_PUSH_REGISTRY="cold", MIRROR_REGISTRY_COLD_URL=target)

    def container(self):
        port = free_port()
        return self.add(Container(MIRROR, self.engine, self.image, port, self.file("container.log"), self.settings(port)))

    def slow_registry(self):
        port = free_port()
        program = os.path.join(os.path.dirname(os.path.abspath(__file__)), "slow_registry.py")
        return self.add(Server("slow registry", [sys.executable, program, str(port), f"{self.content.directory}/hot"], port,
                               self.file("slow-registry.log")))

    def sink(self):
        """A registry that takes pushes and drops them."""
        port = free_port()
        program = os.path.join(os.path.dirname(os.path.abspath(__file__)), "sink_registry.py")
        return self.add(Server("sink", [sys.executable, program, str(port)], port, self.file("sink.log")))

    def far(self, milliseconds):
        """A registry so far away."""
        port = free_port()
        program = os.path.join(os.path.dirname(os.path.abspath(__file__)), "far.py")
        return self.add(Server("far registry", [sys.executable, program, str(port), str(milliseconds)], port, self.file("far.log")))

    def nginx_cache(self, **options):
        kept = "proxy_cache kept; proxy_cache_valid 200 10s; proxy_cache_valid 404 2s; proxy_cache_lock on;"
        return self.nginx_proxy(CACHE, kept, "proxy_cache_path @DIRECTORY@/kept keys_zone=kept:10m max_size=1g;", **options)

    def nginx_proxy(self, name=PROXY, kept="", zone="", hot=None, core=None):
        port = free_port()
        return self.nginx(name, port, f"""
  {zone}
  upstream hot {{ server 127.0.0.1:{hot or self.hot}; keepalive 64; keepalive_requests 100000000; }}
  upstream cold {{ server 127.0.0.1:{self.cold}; keepalive 64; keepalive_requests 100000000; }}
  server {{ listen 127.0.0.1:{port} backlog=4096; access_log @DIRECTORY@/access.log;
    proxy_http_version 1.1; proxy_set_header Connection ""; proxy_max_temp_file_size 0; {kept}
    location /v2/ {{ proxy_pass http://hot; proxy_intercept_errors on; error_page 404 = @cold; }}
    location @cold {{ proxy_pass http://cold; }} }}""", core=core)

    def nginx_for_pushes(self, target):
        """nginx before a registry, as its documentation has it for pushes; the hot image is cached."""
        port = free_port()
        return self.nginx(PROXY, port, f"""
  proxy_cache_path @DIRECTORY@/kept keys_zone=kept:10m max_size=1g;
  upstream hot {{ server 127.0.0.1:{self.hot}; keepalive 64; keepalive_requests 100000000; }}
  upstream target {{ server 127.0.0.1:{target}; keepalive 64; keepalive_requests 100000000; }}
  server {{ listen 127.0.0.1:{port} backlog=4096; access_log @DIRECTORY@/access.log;
    proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $http_host; proxy_max_temp_file_size 0;
    client_max_body_size 0; proxy_request_buffering off; proxy_read_timeout 600s;
    location /v2/ {{ proxy_pass http://target; }}
    location /v2/library/hot/ {{ proxy_pass http://hot; proxy_cache kept; proxy_cache_valid 200 10s; proxy_cache_lock on; }} }}""")

    def storing_registry(self, folder):
        """A registry that takes pushes and stores them in the folder."""
        port = free_port()
        config = self.file("registry.yml")
        with open(config, "w") as out:
            out.write(f"""version: 0.1
log: {{level: warn, accesslog: {{disabled: true}}}}
storage: {{filesystem: {{rootdirectory: {folder}}}, delete: {{enabled: true}}}}
http: {{addr: "127.0.0.1:{port}"}}
""")
        return self.add(Server("docker-registry", [self.programs[REGISTRY], "serve", config], port, config + ".log", {"OTEL_TRACES_EXPORTER": "none"}))

    def pull_through(self, name):
        """The CNCF's distribution as a pull-through cache, Debian's docker-registry or version 3."""
        port = free_port()
        config = self.file("registry.yml")
        with open(config, "w") as out:
            out.write(f"""version: 0.1
log: {{level: warn, accesslog: {{disabled: false}}}}
storage: {{filesystem: {{rootdirectory: {config}.data}}}}
http: {{addr: "127.0.0.1:{port}"}}
proxy: {{remoteurl: "http://127.0.0.1:{self.hot}"}}
""")
        return self.add(Server(name, [self.programs[name], "serve", config], port, config + ".log", {"OTEL_TRACES_EXPORTER": "none"}))

    def zot(self):
        port = free_port()
        config = self.file("zot.json")
        with open(config, "w") as out:
            json.dump({"storage": {"rootDirectory": config + ".data"}, "http": {"address": "127.0.0.1", "port": str(port)}, "log": {"level": "info"},
                       "extensions": {"sync": {"enable": True, "registries": [{"urls": [self.registry.url], "onDemand": True, "tlsVerify": False}]}}}, out)
        return self.add(Server(ZOT, [self.programs[ZOT], "serve", config], port, config + ".log"))
