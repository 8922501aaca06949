"""etcd as a process on free ports of the loopback, and what is asked of it. For the tests beside this file."""

import base64
import json
import signal
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

from server_process import PATIENCE_S, free_port

PROGRAM = "/usr/bin/etcd"


class Etcd:
    """One member that is a cluster of its own. Its data are in a temporary directory."""

    def __init__(self, *flags):
        self.directory = tempfile.TemporaryDirectory(prefix="holdfast-etcd-")
        self.url = f"http://127.0.0.1:{free_port()}"
        peer = f"http://127.0.0.1:{free_port()}"
        self.command = [PROGRAM, "--name", "one", "--data-dir", self.directory.name + "/data",
                        "--listen-client-urls", self.url, "--advertise-client-urls", self.url,
                        "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer,
                        "--initial-cluster", f"one={peer}", *flags]

    def __enter__(self):
        self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL)
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
        self.process.kill()
        self.process.wait()
        self.directory.cleanup()

    def pause(self):
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self):
        self.process.send_signal(signal.SIGCONT)

    def ask(self, path, **members):
        """Bytes are sent in base64, as etcd has them. @return the answer, an error's too"""
        content = {name: base64.b64encode(value).decode() if isinstance(value, bytes) else value
                   for name, value in members.items()}
        asked = urllib.request.Request(f"{self.url}/v3/{path}", json.dumps(content).encode())
        try:
            with urllib.request.urlopen(asked, timeout=PATIENCE_S) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            return json.load(error)
