"""The servers that are measured: Holdfast, the floor, and peers that come from Debian's packages."""

import csv
import os
import pathlib
import signal
import socket
import subprocess
import tempfile
import time

from machine import BUILT, CLIENT_CORE, ROOT, SCRATCH, SERVER_CORE, cpu_ns, hammer, on_core, read_hammer, resident_bytes

HERE = pathlib.Path(__file__).resolve().parent


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Subject:
    """One server process. `command` has {port}, {threads} and {folder} to fill in."""

    speaks_http = True

    def __init__(self, name, command, path="/v1/kv/bench", loads=None, threads=1, core=SERVER_CORE):
        self.name, self.command, self.path, self.loads = name, command, path, loads
        self.threads, self.core = threads, core
        self.folder = tempfile.TemporaryDirectory(prefix="holdfast-bench-")
        self.process = None

    def __enter__(self):
        self.port = free_port()
        self.prepare()
        argv = [part.format(port=self.port, threads=self.threads, folder=self.folder.name) for part in self.command]
        started = time.monotonic()
        with on_core(self.core):
            self.process = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                            start_new_session=True)
        self.wait_until_it_answers()
        self.first_answer_after_ms = (time.monotonic() - started) * 1e3
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def prepare(self):
        pass

    def request(self, head, body=b""):
        with socket.create_connection(("127.0.0.1", self.port), 1) as peer:
            peer.sendall(f"{head} HTTP/1.1\r\nHost: bench\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
            return peer.recv(65536)

    def wait_until_it_answers(self):
        """Ends as soon as the value that the loads ask for is there."""
        deadline = time.monotonic() + 15
        while True:
            try:
                if self.request(f"PUT {self.path}", b'{"name":"hello-world"}'):
                    return
            except OSError:
                pass
            if time.monotonic() > deadline or self.process.poll() is not None:
                raise SystemExit(f"{self.name} does not answer on port {self.port}: {self.command}")
            time.sleep(0.0002)

    @property
    def pid(self):
        return self.process.pid

    def cpu_ns(self):
        return cpu_ns(self.pid)

    def resident_bytes(self):
        return resident_bytes(self.pid)

    def takes(self, load):
        return self.loads is None or load in self.loads

    def burst(self, load, seconds):
        """One burst of a load from loads.py, with the server's CPU time for each request."""
        before = self.cpu_ns()
        core = CLIENT_CORE if self.core is not None else None
        seen = read_hammer(hammer(self.port, core, seconds, **{"path": self.path, **load}))
        seen["cpu_us"] = (self.cpu_ns() - before) / 1e3 / max(1, seen["requests"])
        return seen


class Watched(Subject):
    """With somebody who reads the lock's events as fast as they come."""

    def __enter__(self):
        super().__enter__()
        with on_core(CLIENT_CORE):
            self.watcher = subprocess.Popen(["curl", "-sN", "-o", "/dev/null",
                                             f"http://127.0.0.1:{self.port}/v1/lock/events"])
        return self

    def __exit__(self, *ending):
        if self.watcher.poll() is not None:
            raise SystemExit(f"the watcher has ended with {self.watcher.returncode}")
        self.watcher.kill()
        self.watcher.wait()
        super().__exit__(*ending)


class Nginx(Subject):
    """nginx from Debian's package: unpacked into build/bench, not installed, so that no service starts."""

    def prepare(self):
        folder = pathlib.Path(self.folder.name)
        text = (HERE / "peers/nginx.conf").read_text()
        for name, value in {"port": self.port, "threads": self.threads, "folder": folder}.items():
            text = text.replace(f"@{name}@", str(value))
        (folder / "nginx.conf").write_text(text)
        (folder / "bench").write_text('{"name":"hello-world"}')
        os.chmod(folder, 0o755)


class Redis(Subject):
    """Another protocol and its own client, for scale: no HTTP, no JSON, no contract to compare with."""

    speaks_http = False

    def wait_until_it_answers(self):
        deadline = time.monotonic() + 15
        while time.monotonic() < deadline:
            try:
                with socket.create_connection(("127.0.0.1", self.port), 1) as peer:
                    peer.sendall(b"SET key:__rand_int__ xxxxxxxxxxxxxxxxxxxxxx\r\n")
                    if peer.recv(100).startswith(b"+OK"):
                        return
            except OSError:
                time.sleep(0.01)
        raise SystemExit("redis does not answer")

    def burst(self, load, seconds):
        kind = "set" if load.get("method") == "PUT" else "get"
        rate = getattr(self, "rate", 50_000)
        count = max(1000, int(rate * seconds))
        before = self.cpu_ns()
        argv = ["redis-benchmark", "-p", str(self.port), "-t", kind, "-n", str(count), "-d", "22", "--csv",
                "-c", str(load.get("connections", 64)), "-P", str(load.get("depth", 1))]
        with on_core(CLIENT_CORE):
            out = subprocess.run(argv, capture_output=True, text=True, check=True).stdout
        row = list(csv.DictReader(out.splitlines()))[-1]
        self.rate = float(row["rps"])
        return {"requests": count, "errors": 0, "rps": self.rate, "p50_us": float(row["p50_latency_ms"]) * 1e3,
                "p99_us": float(row["p99_latency_ms"]) * 1e3, "cpu_us": (self.cpu_ns() - before) / 1e3 / count}


def floor(**options):
    return Subject("floor", [str(BUILT / "bench_floor"), "--port", "{port}", "--threads", "{threads}"], **options)


def floor_with_duties():
    """The floor with two things more that the contract obliges Holdfast to: answers as long as its own, and the clock
    read when the lock is granted and when it is released. Nothing that keeps the contract can cost less."""
    with holdfast() as asked:
        answer_bytes = len(asked.request(f"GET {asked.path}"))
    return Subject("floor + duties", [str(BUILT / "bench_floor"), "--port", "{port}", "--threads", "{threads}",
                                      "--answer-bytes", str(answer_bytes), "--clock-readings", "2"],
                   loads=("get1", "get64", "get512", "pipe16"))


def floor_reading(body_bytes, accept):
    """The floor with bodies of that size, read and perhaps checked to be JSON."""
    command = [str(BUILT / "bench_floor"), "--port", "{port}", "--body", str(body_bytes)]
    one = Subject("floor + json::accept" if accept else "floor, body read", command + ["--accept"] * accept)
    one.wait_until_it_answers = lambda: time.sleep(0.3)
    return one


def holdfast(*flags, name="holdfast", make=Subject, built=BUILT, **options):
    return make(name, [str(built / "holdfast-server"), "--listen", "127.0.0.1:{port}", "--threads", "{threads}",
                       "--writer-period", "0", "--log-level", "warn", "--in-memory", *flags], **options)


def nginx(path="/v1/kv/bench", name="nginx", loads=None, **options):
    binary = SCRATCH / "nginx/usr/sbin/nginx"
    return Nginx(name, [str(binary), "-c", "{folder}/nginx.conf", "-p", "{folder}", "-e", "{folder}/error.log"],
                 path=path, loads=loads, **options)


PEERS = {
    "duties": floor_with_duties,
    "nginx": nginx,
    "nginx-file": lambda: nginx("/file/bench", "nginx-file", ("get1", "get64", "get512", "pipe16")),
    "hyper": lambda: Subject("hyper", [str(SCRATCH / "hyper/release/hyper_kv"), "{port}", "{threads}"]),
    "go": lambda: Subject("go", [str(SCRATCH / "go_kv"), "{port}", "{threads}"]),
    # Debian keeps the server's program in redis-tools, under another name; it goes by the name it is called with.
    "redis": lambda: Redis("redis", ["bash", "-c", "exec -a redis-server redis-check-rdb --port {port} --save '' "
                                     "--bind 127.0.0.1 --dir {folder}"]),
}
