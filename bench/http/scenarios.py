"""What a table of ratios can't show, each as a named scenario: memory, start, growth, large values, a held lock.

A scenario gets the run's options and gives its rows as texts, ready to print, under `columns`.
"""

import json
import os
import socket
import statistics
import subprocess
import time

from loads import LOADS, measure
from machine import BUILT, BUILT_UNWATCHED, CLIENT_CORE, hammer, on_core, read_hammer
from subjects import PEERS, Watched, floor, floor_reading, holdfast, nginx


def scenario(what, columns, rows):
    return {"what": what, "columns": columns, "rows": [[str(cell) for cell in row] for row in rows]}


def median(values, key):
    return statistics.median(value[key] for value in values)


def peers_that(options, *names):
    """Holdfast first, then those of the named peers that this run measures."""
    return [holdfast] + [PEERS[name] for name in names if name in options.peers]


def connect(port, request, count):
    """So many connections, each of which has had one answer."""
    connections = []
    for _ in range(count):
        peer = socket.create_connection(("127.0.0.1", port))
        peer.sendall(request)
        peer.recv(4096)
        connections.append(peer)
    return connections


def idle_memory(options):
    count = 10_000
    rows = []
    for make in peers_that(options, "nginx", "hyper", "go"):
        with make() as server:
            request = f"GET {server.path} HTTP/1.1\r\nHost: bench\r\n\r\n".encode()
            warm = connect(server.port, request, 100)
            before = server.resident_bytes()
            idle = connect(server.port, request, count)
            rows.append([server.name, f"{(server.resident_bytes() - before) / count:,.0f} B"])
            for peer in warm + idle:
                peer.close()
    return scenario(f"user memory per idle connection, {count:,} of them, each of which has had one answer",
                    ["server", "per connection"], rows)


def start(options):
    rows = []
    for make in peers_that(options, "nginx", "hyper", "go"):
        times_ms = []
        for _ in range(11):
            with make() as server:
                times_ms.append(server.first_answer_after_ms)
        rows.append([server.name, f"{statistics.median(times_ms):.1f} ms", f"{max(times_ms):.1f} ms"])
    return scenario("from the start of the process to its first answer, 11 times", ["server", "median", "worst"], rows)


def map_alone(keys):
    with on_core(CLIENT_CORE):
        return json.loads(subprocess.run([str(BUILT / "bench_map"), "--keys", str(keys)], capture_output=True, text=True,
                                         check=True).stdout)


def keys(options):
    sizes = (1_000, 100_000, 1_000_000)
    rows = []
    first = None
    for count in sizes:
        alone = map_alone(count)
        with floor() as reference, holdfast() as server:
            before = server.resident_bytes()
            read_hammer(hammer(server.port, CLIENT_CORE, 0, method="PUT", path="/v1/kv/bench-", keys=count, fill=True))
            per_key = (server.resident_bytes() - before) / count
            load = {"keys": {"connections": 64, "path": "/v1/kv/bench-", "keys": count}}
            bursts = measure(reference, [server], load, max(3, options.rounds // 3), options.seconds)
        # In units of the floor's time, so that the machine's phases between the sizes cancel out.
        beside_map = median(bursts, "ratio") - alone["ns_per_get"] / 1e3 / median(bursts, "reference_cpu_us")
        first = first or beside_map
        rows.append([f"{count:,}", f"{median(bursts, 'ratio'):.2f}", f"{median(bursts, 'cpu_us'):.2f} µs",
                     f"{alone['ns_per_get']:.0f} ns", f"{beside_map / first:.2f}", f"{per_key:,.0f} B",
                     f"{alone['bytes_per_key']:.0f} B", f"{alone['map_bytes_per_key']:.0f} B"])
    return scenario("GETs of keys drawn uniformly, 64 connections",
                    ["keys", "CPU time / floor", "CPU per GET", "of it the map alone", "growth of the rest",
                     "memory per key", "of it the database", "a bare std::map"], rows)


def connections(options):
    rows = []
    first = None
    for total in (64, 1_000, 10_000):
        load = {"connections": {"connections": 64}}
        request = b"GET /v1/kv/bench HTTP/1.1\r\nHost: bench\r\n\r\n"
        with floor() as reference, holdfast("--idle-timeout", "1h") as server:
            idle = [connect(one.port, request, total - 64) for one in (reference, server)]
            bursts = measure(reference, [server], load, max(3, options.rounds // 3), options.seconds)
        del idle
        ratio = median(bursts, "ratio")
        first = first or ratio
        rows.append([f"{total:,}", f"{ratio:.2f}", f"{median(bursts, 'cpu_us'):.2f} µs", f"{ratio / first:.2f}"])
    return scenario("GETs on 64 connections beside idle ones",
                    ["connections", "CPU time / floor", "CPU per GET", "growth"], rows)


def large(options):
    size = 1024 * 1024
    rounds = max(3, options.rounds // 3)
    rows = []
    put = {"put": {"connections": 4, "method": "PUT", "body": size}}
    with holdfast() as server:
        if "nginx" in options.peers:
            with nginx("/file/large", "nginx-file") as peer:
                server.burst(put["put"], 0.2)
                with open(os.path.join(peer.folder.name, "large"), "w", encoding="ascii") as file:
                    file.write("x" * size)
                bursts = measure(peer, [server], {"get": {"connections": 4}}, rounds, options.seconds)
                ratio = 1 / median(bursts, "ratio")
            rows.append(["GET", "bytes per CPU second / nginx with sendfile off", f"{ratio:.2f}",
                         f"{median(bursts, 'cpu_us'):.0f} µs", f"{median(bursts, 'reference_cpu_us'):.0f} µs"])
        with floor_reading(size, accept=True) as accepting, floor_reading(size, accept=False) as reading:
            bursts = measure(accepting, [server, reading], put, rounds, options.seconds)
    mine = [burst for burst in bursts if burst["subject"] == "holdfast"]
    bare = [burst for burst in bursts if burst["subject"] != "holdfast"]
    rows.append(["PUT", "CPU time / floor that reads the body and calls json::accept", f"{median(mine, 'ratio'):.2f}",
                 f"{median(mine, 'cpu_us'):.0f} µs", f"{median(mine, 'reference_cpu_us'):.0f} µs"])
    rows.append(["", "the reading alone, of that floor", f"{median(bare, 'ratio'):.2f}",
                 f"{median(bare, 'cpu_us'):.0f} µs", ""])
    return scenario("values of 1 MiB on 4 connections", ["", "what", "ratio", "CPU per request", "the other's"], rows)


def held_lock(options):
    waiting, hold_s = 1_000, 10
    livez = {"connections": 1, "path": "/livez"}
    with holdfast() as server:
        def share_while_idle(seconds=3):
            before, began = server.cpu_ns(), time.monotonic()
            time.sleep(seconds)
            return (server.cpu_ns() - before) / 1e9 / (time.monotonic() - began)

        idle = [server.burst(livez, 1) for _ in range(3)]
        idle_share = share_while_idle()
        peers = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(waiting + 1)]
        for number, peer in enumerate(peers):
            query = f"?hold={hold_s}s" if number == 0 else ""
            peer.sendall(f"GET /v1/kv/bench{query} HTTP/1.1\r\nHost: bench\r\n\r\n".encode())
            if number == 0:
                time.sleep(0.1)
        time.sleep(0.3)
        held_share = share_while_idle()
        held = [server.burst(livez, 1) for _ in range(3)]
        for peer in peers:
            peer.settimeout(2 * hold_s)
        answered = sum(peer.recv(4096).startswith(b"HTTP/1.1 200") for peer in peers)
        for peer in peers:
            peer.close()
    rows = [["/livez, p50", f"{median(idle, 'p50_us'):.1f} µs", f"{median(held, 'p50_us'):.1f} µs"],
            ["/livez, p99", f"{median(idle, 'p99_us'):.1f} µs", f"{median(held, 'p99_us'):.1f} µs"],
            ["/livez, CPU per request", f"{median(idle, 'cpu_us'):.2f} µs", f"{median(held, 'cpu_us'):.2f} µs"],
            ["share of a core while nothing is asked", f"{100 * idle_share:.3f} %", f"{100 * held_share:.3f} %"],
            ["answered in the end", "", f"{answered:,} of {waiting + 1:,}"]]
    return scenario(f"{waiting:,} requests wait behind a hold of {hold_s} s; writer off",
                    ["", "idle server", "held lock"], rows)


def insight(options):
    starts = min(5, options.rounds)
    loads = {name: LOADS[name] for name in options.loads}
    rows, bursts = [], []
    # One process of the same program differs from the next by some per cent, as its pages lie in the caches: more than
    # what is looked for. So the servers are started anew several times.
    for _ in range(starts):
        with holdfast(built=BUILT_UNWATCHED) as without, holdfast(name="nobody watches") as alone, \
             holdfast(name="one reads /v1/lock/events", make=Watched) as watched:
            bursts += measure(without, [alone, watched], loads, options.rounds // starts, options.seconds)
    for load in options.loads:
        for subject in (alone, watched):
            mine = [burst for burst in bursts if (burst["load"], burst["subject"]) == (load, subject.name)]
            low, _, high = statistics.quantiles([burst["rps_ratio"] for burst in mine], n=4, method="inclusive")
            rows.append([load, subject.name, f"{median(mine, 'rps_ratio'):.3f}", f"{low:.3f}–{high:.3f}",
                         f"{median(mine, 'ratio'):.3f}", f"{median(mine, 'rps'):,.0f}"])
    return scenario("the lock's events and metrics, beside a server that was built without them (HOLDFAST_INSIGHT=OFF)",
                    ["load", "", "throughput ratio", "quartiles", "CPU ratio", "requests/s"], rows)


ALL = {"idle-memory": idle_memory, "start": start, "keys": keys, "connections": connections,
       "large": large, "held-lock": held_lock, "insight": insight}
