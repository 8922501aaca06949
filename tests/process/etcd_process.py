"""etcd as a process on free ports of the loopback, and what is asked of it. For the tests beside this file."""

import base64
import json
import ssl
import tempfile
import time
import urllib.error
import urllib.request

from server_process import PATIENCE_S, Process, free_port, make_certificate

PROGRAM = "/usr/bin/etcd"


class Etcd(Process):
    """One member that is a cluster of its own. Its data are in a temporary directory."""

    def __init__(self, *flags, tls=False):
        self.directory = tempfile.TemporaryDirectory(prefix="holdfast-etcd-")
        self.token, self.trust = None, None
        if tls:
            self.certificate, key = make_certificate(self.directory.name, "etcd")
            self.trust = ssl.create_default_context(cafile=self.certificate)
            flags = ("--cert-file", self.certificate, "--key-file", key, *flags)
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{free_port()}"
        peer = f"http://127.0.0.1:{free_port()}"
        super().__init__([PROGRAM, "--name", "one", "--data-dir", self.directory.name + "/data",
                          "--listen-client-urls", self.url, "--advertise-client-urls", self.url,
                          "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer,
                          "--initial-cluster", f"one={peer}", *flags])

    def demand_password(self, password):
        """Of the user root; nobody else is known."""
        self.ask("auth/user/add", name="root", password=password)
        self.ask("auth/role/add", name="root")
        self.ask("auth/user/grant", user="root", role="root")
        self.ask("auth/enable")
        self.token = self.ask("auth/authenticate", name="root", password=password)["token"]

    def __enter__(self):
        self.start()
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                self.ask("kv/range", key=b"a")
                return self
            except OSError:
                if time.monotonic() > deadline or self.process.poll() is not None:
                    self.__exit__()
                    raise AssertionError("etcd does not serve") from None
                time.sleep(0.02)

    def __exit__(self, *_):
        self.kill()
        self.directory.cleanup()

    def ask(self, path, **members):
        """Bytes are sent in base64, as etcd has them. @return the answer, an error's too"""
        content = {name: base64.b64encode(value).decode() if isinstance(value, bytes) else value
                   for name, value in members.items()}
        asked = urllib.request.Request(f"{self.url}/v3/{path}", json.dumps(content).encode(),
                                       {"Authorization": self.token} if self.token else {})
        try:
            with urllib.request.urlopen(asked, timeout=PATIENCE_S, context=self.trust) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            return json.load(error)
