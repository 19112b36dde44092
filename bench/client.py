"""Clients that pull whole images: they keep their connections, follow redirects, and verify what they get."""
import concurrent.futures
import json
import multiprocessing
import re
import socket
import urllib.parse

import content as made

CLIENTS = 8
AT_A_TIME = 3


class Client:
    """One client. It speaks HTTP by itself, since Python's own client takes more CPU for a request than some of the servers."""

    def __init__(self):
        self.connections = {}

    def get(self, url):
        status, headers, body = self.ask(*re.fullmatch(r"http://([^/]+)(/.*)", url).groups())
        if status == 307:
            return self.get(urllib.parse.urljoin(url, headers["location"]))
        if status != 200:
            raise SystemExit(f"{url} answered {status}")
        return body

    def ask(self, host, path):
        connection = self.connections.get(host)
        if not connection:
            name, port = host.split(":")
            connection = self.connections[host] = socket.create_connection((name, int(port)), timeout=30).makefile("rwb")
        connection.write(f"GET {path} HTTP/1.1\r\nHost: {host}\r\nAccept: {made.MANIFEST}\r\n\r\n".encode())
        connection.flush()
        status, headers = int(connection.readline().split()[1]), {}
        while line := connection.readline().decode().strip():
            name, value = line.split(":", 1)
            headers[name.lower()] = value.strip()
        return status, headers, connection.read(int(headers["content-length"]))

    def blobs(self, server, name):
        """Returns the digests of the image's config and layers."""
        manifest = json.loads(self.get(f"{server}/v2/{name}/manifests/1"))
        return [blob["digest"] for blob in (manifest["config"], *manifest["layers"])]

    def pull(self, server, name, digests):
        for digest in digests:
            if made.sha256(self.get(f"{server}/v2/{name}/blobs/{digest}")) != digest:
                raise SystemExit(f"{server} sent other bytes for a blob of {name}")


def pull(server, names):
    client = Client()
    for name in names:
        client.pull(server, name, client.blobs(server, name))


def pull_at_once(server, name):
    """Pulls an image as clients do: the manifest by its tag, then config and layers, some at a time."""
    clients = [Client() for _ in range(AT_A_TIME)]
    digests = iter(clients[0].blobs(server, name))
    with concurrent.futures.ThreadPoolExecutor(AT_A_TIME) as threads:
        for done in [threads.submit(client.pull, server, name, digests) for client in clients]:
            done.result()


def manifests(server, names):
    client = Client()
    for name in names:
        client.get(f"{server}/v2/{name}/manifests/1")


def divide(work, server, names):
    """Has the clients do the work, each for a part of the names. Each is a process of its own, since one of Python takes one core at most."""
    with concurrent.futures.ProcessPoolExecutor(CLIENTS, multiprocessing.get_context("fork")) as clients:
        for done in [clients.submit(work, server, names[number::CLIENTS]) for number in range(CLIENTS)]:
            done.result()
