#!/usr/bin/env python3
"""What durability costs: Holdfast with its journal, beside itself in memory and beside peers that sync each write.

Each row is the median of rounds, in which all subjects have their burst in turns. Data are below build/bench, so on the
disk that the sources are on. Random keys, values of 100 B that do not compress."""

import argparse
import base64
import json
import os
import pathlib
import shutil
import socket
import statistics
import tempfile
import time

import machine
from machine import BUILT, CLIENT_CORE, ROOT, SCRATCH, about, hammer, read_hammer
from subjects import Redis, Subject

VALUE_BYTES = 100
KEYS = 100_000
PUTS = {"method": "PUT", "path": "/v1/kv/key-", "keys": KEYS, "body": VALUE_BYTES, "random_body": True}
CONNECTIONS = (1, 64, 256)
SETTLES_S = 5  # what is written in the background after a load


class Kept(Subject):
    """A subject whose folder is on the disk. Holdfast's commit thread may run where the client is: no core is set."""

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, core=None, **options)
        self.folder = tempfile.TemporaryDirectory(prefix="disk-", dir=SCRATCH)

    def written_bytes(self):
        text = pathlib.Path(f"/proc/{self.pid}/io").read_text(encoding="ascii")
        return int(text.split("\nwrite_bytes: ")[1].split("\n")[0])


def holdfast(*flags, name="holdfast"):
    return Kept(name, [str(BUILT / "holdfast-server"), "--listen", "127.0.0.1:{port}", "--threads", "{threads}",
                       "--writer-period", "0", "--log-level", "warn", "--data", "{folder}/data", *flags])


def holdfast_in_memory():
    return Kept("holdfast --in-memory", [str(BUILT / "holdfast-server"), "--listen", "127.0.0.1:{port}", "--threads",
                                         "{threads}", "--writer-period", "0", "--log-level", "warn", "--in-memory"])


class KeptRedis(Kept, Redis):
    """redis-benchmark speaks its own protocol."""

    wait_until_it_answers = Redis.wait_until_it_answers

    def burst(self, load, seconds):
        count = max(500, int(getattr(self, "rate", 2000) * seconds))
        before = self.cpu_ns()
        out = machine.subprocess.run(
            ["redis-benchmark", "-p", str(self.port), "-t", "set", "-n", str(count), "-d", str(VALUE_BYTES), "-r",
             str(KEYS), "-c", str(load["connections"]), "--csv"], capture_output=True, text=True, check=True).stdout
        row = out.splitlines()[-1].replace('"', "").split(",")
        self.rate = float(row[1])
        return {"requests": count, "errors": 0, "rps": self.rate, "p50_us": float(row[4]) * 1e3,
                "p99_us": float(row[6]) * 1e3, "cpu_us": (self.cpu_ns() - before) / 1e3 / count}


class Etcd(Kept):
    """Its JSON gateway, with one key: the client can't draw keys in base64."""

    def prepare(self):
        self.peer_port = free_port_of(self)
        body = json.dumps({"key": base64.b64encode(b"key-12345").decode(),
                           "value": base64.b64encode(b"x" * VALUE_BYTES).decode()})
        self.put = (f"POST /v3/kv/put HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n"
                    f"Content-Length: {len(body)}\r\n\r\n{body}")
        self.command = [part.replace("{peer_port}", str(self.peer_port)) for part in self.command]

    def wait_until_it_answers(self):
        deadline = time.monotonic() + 15
        while time.monotonic() < deadline:
            try:
                with socket.create_connection(("127.0.0.1", self.port), 5) as peer:
                    peer.sendall(self.put.encode())
                    if b" 200 " in peer.recv(65536):
                        return
            except OSError:
                pass
            time.sleep(0.05)
        raise SystemExit("etcd does not answer")

    def burst(self, load, seconds):
        return super().burst({"connections": load["connections"], "request": self.put}, seconds)


def free_port_of(_):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def redis():
    # Debian keeps the server's program in redis-tools, under another name; it goes by the name it is called with.
    return KeptRedis("redis, appendfsync always",
                     ["bash", "-c", "exec -a redis-server redis-check-rdb --port {port} --save '' --bind 127.0.0.1 "
                                    "--dir {folder} --appendonly yes --appendfsync always"])


def etcd():
    return Etcd("etcd, JSON gateway, one key",
                ["etcd", "--data-dir", "{folder}/etcd", "--listen-client-urls", "http://127.0.0.1:{port}",
                 "--advertise-client-urls", "http://127.0.0.1:{port}", "--listen-peer-urls",
                 "http://127.0.0.1:{peer_port}", "--initial-advertise-peer-urls", "http://127.0.0.1:{peer_port}",
                 "--initial-cluster", "default=http://127.0.0.1:{peer_port}", "--log-level", "error"])


def medians(bursts, key):
    return statistics.median(one[key] for one in bursts)


def table(title, columns, rows):
    print(f"\n{title}\n\n| " + " | ".join(columns) + " |\n|" + "---|" * len(columns))
    for row in rows:
        print("| " + " | ".join(row) + " |", flush=True)


def in_turns(subjects, load, options):
    bursts = {one.name: [] for one in subjects}
    for one in subjects:
        one.burst(load, 0.2)
    for _ in range(options.rounds):
        for one in subjects:
            bursts[one.name].append(one.burst(load, options.seconds))
    return bursts


def puts(options):
    makers = [holdfast, holdfast_in_memory]
    makers += [make for make, program in ((redis, "redis-benchmark"), (etcd, "etcd")) if shutil.which(program)]
    rows = []
    for connections in CONNECTIONS:
        subjects = [make() for make in makers]
        try:
            for one in subjects:
                one.__enter__()
            bursts = in_turns(subjects, {**PUTS, "connections": connections}, options)
        finally:
            for one in subjects:
                if one.process:
                    one.__exit__()
        for name, all_of_it in bursts.items():
            rows.append([str(connections), name, f"{medians(all_of_it, 'rps'):,.0f}",
                         f"{medians(bursts['holdfast'], 'rps') / medians(all_of_it, 'rps'):.2f}",
                         f"{medians(all_of_it, 'cpu_us'):.1f}", f"{medians(all_of_it, 'p50_us'):,.0f}",
                         f"{medians(all_of_it, 'p99_us'):,.0f}"])
    table("durable puts", ["connections", "server", "puts/s", "holdfast ÷ it", "CPU µs a put", "p50 µs", "p99 µs"], rows)


def gets(options):
    with holdfast() as kept, holdfast_in_memory() as memory:
        bursts = in_turns([kept, memory], {"connections": 64, "path": "/v1/kv/bench"}, options)
        rows = [["64 readers of one key", f"{medians(bursts['holdfast'], 'cpu_us'):.2f}",
                 f"{medians(bursts['holdfast --in-memory'], 'cpu_us'):.2f}",
                 f"{statistics.median(a['cpu_us'] / b['cpu_us'] for a, b in zip(*bursts.values())):.3f}"]]
    table("reads: CPU µs a GET", ["", "kept", "in memory", "kept ÷ in memory"], rows)
    alone, beside, beside_in_memory = [], [], []
    with holdfast() as kept, holdfast_in_memory() as memory:
        for _ in range(options.rounds):
            alone.append(kept.burst({"connections": 4}, options.seconds))
            for server, bursts in ((kept, beside), (memory, beside_in_memory)):
                writers = hammer(server.port, None, options.seconds + 0.5, connections=64, **PUTS)
                time.sleep(0.25)
                bursts.append(server.burst({"connections": 4}, options.seconds))
                read_hammer(writers)
    table("4 readers of a key that nobody writes", ["", "p50 µs", "p99 µs"],
          [[name, f"{medians(of, 'p50_us'):,.0f}", f"{medians(of, 'p99_us'):,.0f}"]
           for name, of in (("alone", alone), ("while 64 writers put durably", beside),
                            ("while 64 writers put in memory", beside_in_memory))])


def starts(options):
    empty = []
    for _ in range(options.rounds):
        with holdfast() as server:
            empty.append(server.first_answer_after_ms)
    load = {**PUTS, "keys": options.keys, "fill": True, "connections": 64, "depth": 16}
    with holdfast_in_memory() as server:
        read_hammer(hammer(server.port, CLIENT_CORE, 0, **load))
        memory_of_map = server.resident_bytes()
    server = holdfast()
    with server:
        read_hammer(hammer(server.port, CLIENT_CORE, 0, **load))
        memory = server.resident_bytes()
        read_hammer(hammer(server.port, CLIENT_CORE, 0, **load))
        read_hammer(hammer(server.port, CLIENT_CORE, 0, **load))
        time.sleep(SETTLES_S)
        written = server.written_bytes() / (3 * options.keys)
    full = []
    for _ in range(max(1, options.rounds // 2)):  # each after kill -9
        with server:
            full.append(server.first_answer_after_ms)
    bytes_on_disk = sum(path.stat().st_size for path in pathlib.Path(server.folder.name).rglob("*") if path.is_file())
    table("start, to the first answer",
          ["", "median ms", "worst ms"],
          [["empty directory", f"{statistics.median(empty):.1f}", f"{max(empty):.1f}"],
           [f"{options.keys:,} keys of 100 B, after kill -9", f"{statistics.median(full):,.0f}", f"{max(full):,.0f}"]])
    table(f"{options.keys:,} keys of 100 B, each put three times",
          ["memory after the first time", "the same in memory alone", "on the disk", "written to the disk, a put"],
          [[f"{memory / 1e6:,.0f} MB", f"{memory_of_map / 1e6:,.0f} MB", f"{bytes_on_disk / 1e6:,.0f} MB",
            f"{written:,.0f} B"]])


def idle(options):
    with holdfast() as server:
        time.sleep(1)
        before, written = server.cpu_ns(), server.written_bytes()
        time.sleep(options.seconds * 5)
        share = (server.cpu_ns() - before) / 1e9 / (options.seconds * 5)
        table("idle, without the writer", ["CPU of a core", "written"],
              [[f"{share:.3%}", f"{server.written_bytes() - written} B"]])


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1, help="of a burst")
    parser.add_argument("--keys", type=int, default=1_000_000, help="of the start")
    parser.add_argument("what", nargs="*", choices=[[], "puts", "gets", "starts", "idle"])
    options = parser.parse_args()
    SCRATCH.mkdir(parents=True, exist_ok=True)
    machine.raise_descriptor_limit()
    print(about.heading(about.describe()) + f"; medians of {options.rounds} rounds")
    for name in options.what or ["puts", "gets", "starts", "idle"]:
        {"puts": puts, "gets": gets, "starts": starts, "idle": idle}[name](options)


if __name__ == "__main__":
    main()
