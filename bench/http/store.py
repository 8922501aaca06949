#!/usr/bin/env python3
"""What lists, expiry and watches cost: how long they keep the lock, processor time, memory, and how soon a change reaches its
watchers. In memory, one thread; each figure by what it is about, so the lock's time is the server's word in Server-Timing
and in the lock's events."""

import argparse
import http.client
import json
import re
import selectors
import socket
import statistics
import subprocess
import threading
import time

import machine
from machine import BUILT, about
from subjects import Subject

PUTS = {"method": "PUT", "path": "/v1/kv/key-", "keys": 1000}
ROUNDS = 9


def server():
    return Subject("holdfast", [str(BUILT / "holdfast-server"), "--listen", "127.0.0.1:{port}", "--threads", "{threads}",
                                "--writer-period", "0", "--log-level", "warn", "--in-memory", "--max-memory", "6GiB"])


def store(subject, lines):
    """Imports entries, each the members of a JSON object."""
    peer = http.client.HTTPConnection("127.0.0.1", subject.port, timeout=300)

    def pieces():
        piece = []
        for line in lines:
            piece.append("{" + line + "}\n")
            if len(piece) == 5000:
                yield "".join(piece).encode()
                piece = []
        yield "".join(piece).encode()

    peer.request("POST", "/v1/import", pieces(), {"Content-Type": "application/x-ndjson"}, encode_chunked=True)
    answer = peer.getresponse()
    text = answer.read()
    if answer.status != 200:
        raise SystemExit(f"the import was answered {answer.status}: {text[:300]}")


class Client:
    def __init__(self, port):
        self.peer = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    def ask(self, method, path, body=None):
        self.peer.request(method, path, body)
        answer = self.peer.getresponse()
        return answer, answer.read()

    def lock_us(self, path):
        answer, _ = self.ask("GET", path)
        return float(re.search(r"hold;dur=([\d.]+)", answer.headers["Server-Timing"])[1]) * 1e3


def row(what, figure, goal):
    print(f"| {what} | {figure} | {goal} |", flush=True)


def lists():
    with server() as subject:
        store(subject, (f'"key":"key-{n}","value":"{"x" * 98}"' for n in range(1_000_000)))
        client = Client(subject.port)
        for name, query in (("1,000 keys", "limit=1000"), ("1,000 keys with values of 100 B", "limit=1000&values=true")):
            held = sorted(client.lock_us(f"/v1/kv?prefix=key-{n}&{query}") for n in range(100, 400))
            before = subject.cpu_ns()
            for n in range(100, 400):
                client.ask("GET", f"/v1/kv?prefix=key-{n}&{query}")
            cpu_us = (subject.cpu_ns() - before) / 300e3
            row(f"list of {name}: time of the lock, median and p99; processor time",
                f"{statistics.median(held):.0f} and {held[-3]:.0f} µs; {cpu_us:.0f} µs", "≤ 100 µs")
    with server() as subject:
        store(subject, (f'"key":"group-{n % 300}/{n}","value":1' for n in range(3_000_000)))
        client = Client(subject.port)
        before = subject.cpu_ns()
        for _ in range(50):
            answer = json.loads(client.ask("GET", "/v1/kv?delimiter=/&limit=1000")[1])
            assert len(answer["groups"]) == 300
        row("`delimiter=/` over 3,000,000 keys in 300 groups: processor time",
            f"{(subject.cpu_ns() - before) / 50e6:.2f} ms", "≤ 5 ms")


def expiry():
    resident = []
    for ttl in ("", ',"ttl":3600'):
        with server() as subject:
            store(subject, (f'"key":"key-{n}","value":1{ttl}' for n in range(1_000_000)))
            resident.append(subject.resident_bytes())
    row("a time to live, of 1,000,000 keys: memory each", f"{(resident[1] - resident[0]) / 1e6:.0f} B", "≤ 40 B")
    with server() as subject:
        longest, told, expired = 0, [], 0
        events = socket.create_connection(("127.0.0.1", subject.port))
        events.sendall(b"GET /v1/lock/events?format=ndjson HTTP/1.0\r\nHost: bench\r\n\r\n")
        store(subject, (f'"key":"key-{n}","value":1,"ttl":{3 + n / 100_000:.5f}' for n in range(100_000)))
        client = Client(subject.port)
        deadline = time.monotonic() + 8
        while json.loads(client.ask("GET", "/v1/kv?limit=1")[1])["entries"] and time.monotonic() < deadline:
            time.sleep(0.01)
        events.settimeout(0.5)
        try:
            while piece := events.recv(1 << 20):
                told.append(piece)
        except TimeoutError:
            pass
        for line in b"".join(told).split(b"\n"):
            if line.startswith(b'{"type":"done"') and line.endswith(b"}"):
                event = json.loads(line)
                if event["granted_ns"] is not None:
                    longest = max(longest, event["ended_ns"] - event["granted_ns"]) if event["operation"] == "EXPIRE" else longest
                    expired += int(event["key"]) if event["operation"] == "EXPIRE" else 0
        row(f"{expired:,} keys expire within a second: longest time of the lock", f"{longest / 1e3:.0f} µs", "≤ 1 ms")


def follow(port, query, keep):
    peer = socket.create_connection(("127.0.0.1", port))
    peer.sendall(f"GET /v1/watch?{query}&format=ndjson HTTP/1.0\r\nHost: bench\r\n\r\n".encode())
    keep.append(peer)
    return peer


def drain(peers, stop):
    ready = selectors.DefaultSelector()
    for peer in peers:
        ready.register(peer, selectors.EVENT_READ)
    while not stop.is_set():
        for key, _ in ready.select(0.2):
            key.fileobj.recv(1 << 20)


def cost_of_idle_watchers():
    with server() as without, server() as watched:
        before, peers = watched.resident_bytes(), []
        for n in range(10_000):
            follow(watched.port, f"prefix=nobody/{n}/", peers)
        time.sleep(1)
        each = (watched.resident_bytes() - before) / len(peers)
        ratios = []
        for _ in range(ROUNDS):
            load = {**PUTS, "connections": 64}
            alone = without.burst(load, 0.5)["cpu_us"]
            ratios.append(watched.burst(load, 0.5)["cpu_us"] / alone)
        row("10,000 watchers of prefixes to which nothing happens: memory each", f"{each / 1e3:.1f} KB", "")
        row("put64 beside them ÷ without: processor time", f"{statistics.median(ratios):.3f}", "≤ 1.05")


def delay_of_a_change():
    with server() as subject:
        peers, stop = [], threading.Event()
        for n in range(99):
            follow(subject.port, f"prefix=key-{n}", peers)
        drainer = threading.Thread(target=drain, args=(peers, stop))
        drainer.start()
        mine = []
        probe = follow(subject.port, "key=probe", mine).makefile("rb")
        while probe.readline().strip():
            pass
        load = subprocess.Popen([str(BUILT / "holdfast"), "load", "--server", f"127.0.0.1:{subject.port}", "--rate", "10000/s",
                                 "--connections", "64", "--duration", "4s", "--mix", "put=100"],
                                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(1)
        client, delays = Client(subject.port), []
        while load.poll() is None and len(delays) < 250:
            began = time.monotonic()
            client.ask("PUT", "/v1/kv/probe", "1")
            while b'"probe"' not in probe.readline():
                pass
            delays.append((time.monotonic() - began) * 1e3)
            time.sleep(0.01)
        load.wait()
        stop.set()
        drainer.join()
        delays.sort()
        row("from sending a change to its watcher, 99 others and 10,000 changes/s beside: median, p99",
            f"{statistics.median(delays):.2f} ms, {delays[int(len(delays) * 0.99)]:.2f} ms", "≤ 5 ms")


def watches():
    cost_of_idle_watchers()
    delay_of_a_change()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", nargs="*", choices=[[], "lists", "expiry", "watches"])
    options = parser.parse_args()
    machine.raise_descriptor_limit()
    print(about.heading(about.describe()) + "\n\n| | measured | goal |\n|---|---|---|")
    for name in options.what or ["lists", "expiry", "watches"]:
        {"lists": lists, "expiry": expiry, "watches": watches}[name]()


if __name__ == "__main__":
    main()
