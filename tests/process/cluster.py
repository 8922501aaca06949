"""Three etcd and three servers on this machine, with a link before each client and peer URL that a test can disturb."""

import base64
import http.client
import json
import pathlib
import time

from server_process import PATIENCE_S, Process, free_port
from tcp_proxy import Links

ETCD = "/usr/bin/etcd"
MEMBERS = 3


def get(port, path, timeout=2, method="GET", body=None):
    """Status and content; an OSError where there is no answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        connection.request(method, path, body)
        answer = connection.getresponse()
        return answer.status, answer.read()
    except http.client.HTTPException as error:
        raise OSError(str(error)) from error
    finally:
        connection.close()


class Named(Process):
    """A process with a name, whose log goes to a file."""

    def __init__(self, name, scratch, command):
        self.name, self.log = name, scratch / f"{name}.log"
        super().__init__(command, open(self.log, "ab"))
        self.start()


class Etcd(Named):
    def __init__(self, number, scratch, names_and_peers, peer_port, quota_bytes):
        self.port = free_port()
        name, peer = names_and_peers[number]
        super().__init__(name, scratch, [
            ETCD, "--name", name, "--data-dir", str(scratch / f"{name}.data"),
            "--listen-client-urls", f"http://127.0.0.1:{self.port}", "--advertise-client-urls", f"http://127.0.0.1:{self.port}",
            "--listen-peer-urls", f"http://127.0.0.1:{peer_port}", "--initial-advertise-peer-urls", peer,
            "--initial-cluster", ",".join(f"{one}={url}" for one, url in names_and_peers),
            "--heartbeat-interval", "100", "--election-timeout", "1000",
            "--quota-backend-bytes", str(quota_bytes)])

    def ask(self, path, timeout=3, **body):
        status, content = get(self.port, path, timeout, "POST", json.dumps(body).encode())
        if status != 200:
            raise OSError(f"etcd answers {status} {content!r}")
        return json.loads(content)

    def leads(self):
        """Whether it says that it is the leader of all etcd."""
        try:
            told = self.ask("/v3/maintenance/status", 1)
        except OSError:
            return False
        return told["header"]["member_id"] == told["leader"]


def encoded(text):
    return base64.b64encode(text.encode()).decode()


class Direct:
    """In the place of a link: the port itself."""

    def __init__(self, port):
        self.port, self.url = port, f"http://127.0.0.1:{port}"

    def heal(self):
        pass


class Cluster:
    """@param flags for each server. @param is_disturbed without it there are no links, which take time."""

    def __init__(self, server, scratch, flags=(), quota_bytes=64 << 20, is_disturbed=True):
        self.scratch, self.links = pathlib.Path(scratch), Links()
        link_to = self.links.add if is_disturbed else Direct
        peer_ports = [free_port() for _ in range(MEMBERS)]
        self.peer_links = [link_to(port) for port in peer_ports]
        names = [(f"etcd{number}", link.url) for number, link in enumerate(self.peer_links)]
        self.etcds = [Etcd(number, self.scratch, names, peer_ports[number], quota_bytes) for number in range(MEMBERS)]
        ports = [free_port() for _ in range(MEMBERS)]
        # Before each server's own way to each etcd, and before the URL where the others reach it.
        self.etcd_links = [[link_to(one.port) for one in self.etcds] for _ in range(MEMBERS)]
        self.server_links = [link_to(port) for port in ports]
        self.await_etcd()
        self.servers = []
        for number, port in enumerate(ports):
            one = Named(f"server{number}", self.scratch, [
                server, "--listen", f"127.0.0.1:{port}", "--threads", "1", "--writer-period", "0", "--cluster", "chaos",
                "--etcd", ",".join(link.url for link in self.etcd_links[number]),
                "--advertise", self.server_links[number].url, *flags])
            one.port = port
            self.servers.append(one)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for one in self.servers + self.etcds:
            if one.runs():
                one.kill()
        self.links.close()

    def await_etcd(self):
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                return self.etcds[0].ask("/v3/kv/range", key=encoded("a"))
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)

    def role_of(self, server):
        try:
            status, content = get(server.port, "/readyz", 1)
            return json.loads(content).get("role", f"status {status}")
        except (OSError, ValueError):
            return None

    def leader(self):
        """The number of the server that says so; None where there is none."""
        for number, one in enumerate(self.servers):
            if one.runs() and not one.is_paused and self.role_of(one) == "leader":
                return number
        return None

    def await_leader(self, patience_s=PATIENCE_S):
        """Until a write has been answered."""
        deadline = time.monotonic() + patience_s
        while True:
            for one in self.servers:
                try:
                    if get(one.port, "/v1/kv/rig-probe", 2, "PUT", b"1")[0] in (201, 204):
                        return
                except OSError:
                    pass
            if time.monotonic() > deadline:
                raise AssertionError("no server leads: " + ", ".join(str(self.role_of(one)) for one in self.servers))
            time.sleep(0.1)

    def heal(self):
        for link in [*self.peer_links, *self.server_links, *sum(self.etcd_links, [])]:
            link.heal()
        for one in self.servers + self.etcds:
            if one.is_paused:
                one.go_on()
            if not one.runs():
                one.start()

