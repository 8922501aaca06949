"""How the server shares: a lock among threads, a thread among connections, memory among clients. Finds convoys,
starvation and memory without bound.

Named scenarios like those of scenarios.py. Ratios are of bursts in turns in one run, and the medians of the rounds.
"""

import contextlib
import multiprocessing
import os
import pathlib
import re
import signal
import socket
import statistics
import subprocess
import threading
import time

from machine import CLIENT_CORE, CORES, cpu_ns, cpu_ns_by_thread, hammer, on_core, read_hammer
from scenarios import median, scenario
from subjects import PEERS, holdfast, nginx

CONNECTIONS = 64
MANY_KEYS = {"path": "/v1/kv/bench-", "keys": 1_000}
LOADS = {"get64": {}, "put64": {"method": "PUT"}, "pipe16": {"depth": 16}}


# --- two threads behind one lock ------------------------------------------------------------------------------------

class Side:
    """One or more servers that are asked as one: each client has half of the connections, on each server alike, so that
    nobody has a server or a thread to himself on one side alone."""

    def __init__(self, *servers):
        self.servers = servers
        self.ports = ",".join(str(server.port) for server in servers)

    def cpu_ns(self):
        return sum(cpu_ns(server.pid) for server in self.servers)

    def cpu_ns_by_thread(self):
        return {thread: used for server in self.servers for thread, used in cpu_ns_by_thread(server.pid).items()}

    def start(self, seconds, **load):
        return [hammer(self.ports, None, seconds, connections=CONNECTIONS // 2, **load) for _ in range(2)]

    def burst(self, seconds, **load):
        before, threads_before = self.cpu_ns(), self.cpu_ns_by_thread()
        both = [read_hammer(client) for client in self.start(seconds, **load)]
        used = self.cpu_ns() - before
        by_thread = sorted((now - threads_before.get(thread, 0) for thread, now in self.cpu_ns_by_thread().items()),
                           reverse=True)
        requests = sum(one["requests"] for one in both)
        return {"rps": sum(one["rps"] for one in both), "cpu_us": used / 1e3 / max(1, requests),
                "p99_us": max(one["p99_us"] for one in both),
                "thread_shares": [one / max(1, used) for one in by_thread]}

    def fill(self):
        for server in self.servers:
            read_hammer(hammer(server.port, None, 0, method="PUT", fill=True, **MANY_KEYS))


def thread_shares(bursts, threads):
    """Each thread's share of the server's CPU time, the busiest first: a server that uses one thread shows it here."""
    shares = [statistics.median(places) for places in zip(*(burst["thread_shares"] for burst in bursts))]
    return " : ".join(f"{100 * share:.0f}" for share in (shares + [0] * threads)[:threads])


def compare(loads, options, threads=2):
    """One server of so many threads beside two of one thread each, in bursts in turns. Rows for a table."""
    rows = []
    with holdfast(threads=threads, core=None) as shared, holdfast(core=None) as left, holdfast(core=None) as right:
        one_lock, two_locks = Side(shared), Side(left, right)
        for side in (one_lock, two_locks):
            side.fill()
        for name, load in loads.items():
            mine, theirs = [], []
            for _ in range(options.rounds):
                mine.append(one_lock.burst(options.seconds, **load))
                theirs.append(two_locks.burst(options.seconds, **load))
            ratios = {key: statistics.median(one[key] / two[key] for one, two in zip(mine, theirs))
                      for key in ("rps", "cpu_us", "p99_us")}
            waits = read_hammer(hammer(shared.port, None, 0.3, connections=CONNECTIONS, lock_waits=True, **load))
            rows.append([name, threads, f"{ratios['cpu_us']:.2f}", f"{ratios['rps']:.2f}", f"{ratios['p99_us']:.2f}",
                         f"{median(mine, 'rps'):,.0f}", f"{median(theirs, 'rps'):,.0f}", thread_shares(mine, threads),
                         f"{100 * waits['contended_share']:.2f} %", f"{waits['lock_wait_p99_us']:.0f} µs"])
    return rows


COMPARED = ["load", "threads", "CPU a request, ratio", "requests/s, ratio", "p99, ratio", "requests/s, one lock",
            "two locks", "CPU by thread, %", "waited for the lock", "p99 of waits"]


def with_keys(loads):
    """Each load on one key and on 1,000: one key shows what two cores take to write the same lines of memory, many the
    lock alone."""
    return {f"{name}, {keys}": {**load, **more} for name, load in loads.items()
            for keys, more in (("one key", {}), ("1,000 keys", MANY_KEYS))}


def threads(options):
    rows = compare(with_keys(LOADS), options) + compare(with_keys({"get64": {}, "put64": LOADS["put64"]}), options, 4)
    return scenario(f"threads behind one lock ÷ two servers of one thread and a lock each; {CONNECTIONS} connections, "
                    "nothing pinned", COMPARED, rows)


@contextlib.contextmanager
def busy_cores():
    """Another process on each core that never rests, so that whoever owns the lock is preempted."""
    with contextlib.ExitStack() as running:
        for core in CORES:
            with on_core(core):
                spinner = subprocess.Popen(["sh", "-c", "while :; do :; done"])
            running.callback(spinner.wait)
            running.callback(spinner.kill)
        yield


def preempted(options):
    with busy_cores():
        rows = compare(LOADS, options)
    return scenario("the same with a busy loop on each core", COMPARED, rows)


def scaling(options):
    rows = []
    with holdfast(core=None) as one, holdfast(threads=2, core=None) as two, holdfast(threads=4, core=None) as four:
        sides = {1: Side(one), 2: Side(two), 4: Side(four)}
        for name, load in LOADS.items():
            seen = {count: [] for count in sides}
            for _ in range(options.rounds):
                for count, side in sides.items():
                    seen[count].append(side.burst(options.seconds, **load))
            for count in sides:
                ratio = {key: statistics.median(mine[key] / alone[key] for mine, alone in zip(seen[count], seen[1]))
                         for key in ("rps", "cpu_us")}
                rows.append([name, count, f"{ratio['rps']:.2f}", f"{ratio['cpu_us']:.2f}",
                             f"{median(seen[count], 'rps'):,.0f}", thread_shares(seen[count], count)])
    return scenario("one server on more threads ÷ on one, the clients on the same cores",
                    ["load", "threads", "requests/s, ratio", "CPU a request, ratio", "requests/s", "CPU by thread, %"], rows)


# --- after a hold ---------------------------------------------------------------------------------------------------

SLICE_S = 0.02
AFTER_S = 1.0


def burst_after_hold(side, load, waiting):
    """What the second after a hold of a second is like that `waiting` requests and a load wait for."""
    request = "GET /v1/kv/bench{} HTTP/1.1\r\nHost: bench\r\n\r\n"
    with contextlib.ExitStack() as clients:
        def ask(server, query=""):
            peer = clients.enter_context(socket.create_connection(("127.0.0.1", server.port), 20))
            peer.sendall(request.format(query).encode())
            return peer

        holders = [ask(server, "?hold=1s") for server in side.servers]
        time.sleep(0.05)
        waiters = [ask(side.servers[number % len(side.servers)]) for number in range(waiting)]
        bursts = side.start(1.2 + AFTER_S, slice_ms=1e3 * SLICE_S, **load)
        for holder in holders:
            holder.recv(4096)
        ended, before = time.monotonic(), side.cpu_ns()
        time.sleep(AFTER_S)
        used = side.cpu_ns() - before
        reports = [read_hammer(burst) for burst in bursts]
        answered = sum(peer.recv(4096).startswith(b"HTTP/1.1 200") for peer in waiters)
    if answered != waiting:
        raise SystemExit(f"{answered} of {waiting} waiters were answered")
    slices = [0] * int(AFTER_S / SLICE_S)
    for report in reports:
        for number, count in enumerate(report["slices"]):
            since_hold = report["started_s"] + number * SLICE_S - ended
            if 0 <= since_hold < AFTER_S:
                slices[min(len(slices) - 1, int(since_hold / SLICE_S))] += count
    return {"rps": sum(slices) / AFTER_S, "cpu_us": used / 1e3 / max(1, sum(slices) + waiting), "slices": slices}


def recovery_ms(slices, normal_rps):
    """When the rate was first back at 70 % of the normal for 100 ms on end."""
    window = 5
    for start in range(len(slices) - window + 1):
        if sum(slices[start:start + window]) / (window * SLICE_S) >= 0.7 * normal_rps:
            return 1e3 * start * SLICE_S
    return 1e3 * AFTER_S


def after_hold(options):
    waiting, rounds = 1_000, max(3, options.rounds // 3)
    rows = []
    with holdfast(threads=2, core=None) as shared, holdfast(core=None) as left, holdfast(core=None) as right:
        sides = {"one lock": Side(shared), "two locks": Side(left, right)}
        for name, load in LOADS.items():
            seen = {kind: [] for kind in sides}
            for _ in range(rounds):
                for kind, side in sides.items():
                    normal = side.burst(options.seconds, **load)
                    after = burst_after_hold(side, load, waiting)
                    seen[kind].append({"cpu_us": after["cpu_us"], "rps": after["rps"], "of_normal": after["rps"] / normal["rps"],
                                       "recovery_ms": recovery_ms(after["slices"], normal["rps"])})
            ratios = {key: statistics.median(one[key] / two[key] for one, two in zip(seen["one lock"], seen["two locks"]))
                      for key in ("cpu_us", "rps")}
            rows.append([name, f"{ratios['cpu_us']:.2f}", f"{ratios['rps']:.2f}",
                         *(f"{median(seen[kind], 'of_normal'):.2f}" for kind in sides),
                         *(f"{median(seen[kind], 'recovery_ms'):.0f} ms" for kind in sides)])
    return scenario(f"the second after a hold of a second with {waiting:,} waiters, one server of two threads ÷ two of one",
                    ["load", "CPU a request, ratio", "requests/s, ratio", "requests/s ÷ before the hold, one lock", "two locks",
                     "back to normal after, one lock", "two locks"], rows)


# --- one thread among connections -----------------------------------------------------------------------------------

def text(method, path, body="", fields=""):
    length = f"Content-Length: {len(body)}\r\n" if body else ""
    return f"{method} {path} HTTP/1.1\r\nHost: bench\r\n{length}{fields}\r\n{body}"


STREAMS = {
    "nobody": None,
    "GET": text("GET", "/v1/kv/bench"),
    "GET of no key": text("GET", "/v1/kv/none"),
    "GET, hold=1us": text("GET", "/v1/kv/bench?hold=1us"),
    "PUT in chunks": text("PUT", "/v1/kv/q", fields="Transfer-Encoding: chunked\r\n") + "1\r\n1\r\n0\r\n\r\n",
    "PUT of 60 KB, slow JSON": text("PUT", "/v1/kv/q", "[" + "1e308," * 10_000 + "1]"),
}


def probe(port, path, seconds, every_s):
    """Milliseconds from when each request was due to its answer, sorted: one that waits makes those behind it late as
    well, so an interval shorter than what an answer takes measures the queue of this client and not the server."""
    request = text("GET", path).encode()
    took, due, end = [], time.monotonic(), time.monotonic() + seconds
    with socket.create_connection(("127.0.0.1", port)) as peer:
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while due < end:
            time.sleep(max(0.0, due - time.monotonic()))
            peer.sendall(request)
            peer.settimeout(max(0.01, end + 1 - time.monotonic()))
            try:
                if not peer.recv(65536):
                    raise SystemExit("the server closed the probe's connection")
            except TimeoutError:
                # This one and all that are due until the end have no answer.
                took += [1e3 * (time.monotonic() - at) for at in
                         (due + number * every_s for number in range(max(1, int((end - due) / every_s))))]
                break
            took.append(1e3 * (time.monotonic() - due))
            due += every_s
    return sorted(took)


def percentile(values, share):
    return values[min(len(values) - 1, int(share * len(values)))]


def seconds_to_end(server):
    """From SIGTERM to the process's end."""
    started = time.monotonic()
    os.kill(server.pid, signal.SIGTERM)
    try:
        return server.process.wait(timeout=8), time.monotonic() - started
    except subprocess.TimeoutExpired:
        return None, time.monotonic() - started


def stream(options):
    seconds = 1.5 + options.rounds / 5
    rows = []
    for name, request in STREAMS.items():
        for make in (holdfast, *(PEERS[peer] for peer in ("nginx",) if peer in options.peers)):
            flags = ("--drain-timeout", "1s") if make is holdfast else ()
            with make(*flags) as server:
                flood = request and hammer(server.port, CLIENT_CORE, seconds + 10, connections=1, request=request, stream=True,
                                           depth=max(1, 65536 // len(request)))
                time.sleep(0.2)
                with on_core(CLIENT_CORE):
                    took = probe(server.port, "/v1/kv/bench", seconds, every_s=0.04)
                status, took_s = seconds_to_end(server)
                streamed = read_hammer(flood)["requests"] if flood else 0
                rows.append([name, server.name, *(f"{percentile(took, share):.1f} ms" for share in (0.5, 0.95, 0.99)),
                             f"not within {took_s:.0f} s" if status is None else f"{1e3 * took_s:.0f} ms, status {status}",
                             f"{streamed:,}" if flood else ""])
    return scenario("a second client's GET each 40 ms beside one that streams a request without pause and reads the answers; "
                    "one server thread; latency from when a request was due",
                    ["stream", "server", "p50", "p95", "p99", "end after SIGTERM", "answers streamed"], rows)


# --- slow clients ---------------------------------------------------------------------------------------------------

SLOW_CLIENTS = 2_000
LIMITS = ("--transfer-timeout", "3s", "--header-timeout", "3s", "--idle-timeout", "6s")


def read_nothing(peers, path="/v1/kv/large"):
    for peer in peers:
        peer.sendall(text("GET", path).encode())


def read_nothing_of_a_file(peers):
    read_nothing(peers, "/file/large")


def send_a_body_slowly(peers):
    for peer in peers:
        peer.sendall(text("PUT", "/v1/kv/slow", fields="Content-Length: 500000\r\n").encode() + b'"' + b"x" * 1_000)


def trickle_a_header(peers):
    for peer in peers:
        peer.sendall(b"GET /v1/kv/bench HTTP/1.1\r\n")


def crowd(port, begin, drip, ready, stop):
    """A process of slow clients. They begin, then each sends a byte a second until the server has had enough."""
    peers = []
    for _ in range(SLOW_CLIENTS):
        peer = socket.socket()
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        peer.connect(("127.0.0.1", port))
        peers.append(peer)
    begin(peers)
    for peer in peers:
        peer.setblocking(False)
    ready.set()
    while not stop.wait(1):
        for peer in peers:
            with contextlib.suppress(OSError):
                if drip:
                    peer.send(drip)


def tcp_bytes():
    """What the kernel keeps for all TCP connections of the machine."""
    pages = re.search(r"^TCP:.* mem (\d+)", pathlib.Path("/proc/net/sockstat").read_text(encoding="ascii"), re.MULTILINE)
    return int(pages[1]) * os.sysconf("SC_PAGESIZE")


def connections_of(server):
    metrics = b""
    with socket.create_connection(("127.0.0.1", server.port), 10) as peer:
        peer.sendall(text("GET", "/metrics", fields="Connection: close\r\n").encode())
        while piece := peer.recv(1 << 16):
            metrics += piece
    return int(re.search(rb"^holdfast_connections (\d+)", metrics, re.MULTILINE)[1])


class Highest:
    """The most that a figure was while this ran."""

    def __init__(self, figure):
        self.figure, self.value, self.over = figure, figure(), threading.Event()
        self.watcher = threading.Thread(target=self.watch)

    def watch(self):
        while not self.over.wait(0.05):
            self.value = max(self.value, self.figure())

    def __enter__(self):
        self.watcher.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.watcher.join()


def beside_a_crowd(port, begin, drip, watch=contextlib.nullcontext, when_there=lambda: None):
    """Latencies of another client, without the crowd, in the second in which it comes, and in the two after that."""
    def asked(seconds):
        return probe(port, "/v1/kv/bench", seconds, every_s=0.01)

    context = multiprocessing.get_context("fork")
    ready, stop = context.Event(), context.Event()
    clients = context.Process(target=crowd, args=(port, begin, drip, ready, stop))
    latencies = [asked(3)]
    with watch():
        clients.start()
        latencies.append(asked(1))
        ready.wait(60)
        latencies.append(asked(2))
        when_there()
    stop.set()
    clients.join()
    return latencies


def slow_clients(options):
    left_after_s = 10 if options.rounds > 5 else 4
    kinds = {"read nothing of 1 MB": (read_nothing, b""), "send a body, a byte a second": (send_a_body_slowly, b"x"),
             "send a header, a byte a second": (trickle_a_header, b"x")}
    large = b'"' + b"x" * 1_000_000 + b'"'
    rows = []

    def in_ms(latencies):
        return [f"{percentile(some, 0.99):.1f} ms" for some in latencies] + [f"{latencies[1][-1]:.0f} ms"]

    for name, (begin, drip) in kinds.items():
        with holdfast(*LIMITS, threads=2, core=None) as server:
            server.request("PUT /v1/kv/large", large)
            before = tcp_bytes(), server.resident_bytes()
            kernel, own = Highest(tcp_bytes), Highest(server.resident_bytes)
            rest = []

            @contextlib.contextmanager
            def watch():
                with kernel, own:
                    yield

            def until_they_are_gone():
                began = time.monotonic()
                while connections_of(server) > 8 and time.monotonic() - began < 20:
                    time.sleep(0.05)
                gone_s = time.monotonic() - began
                time.sleep(left_after_s)
                left = tcp_bytes() - before[0], server.resident_bytes() - before[1]
                rest.extend([f"{gone_s:.1f} s" if gone_s < 20 else "not within 20 s",
                             *(f"{max(0, one) / 2**20:.1f} MiB" for one in left)])

            latencies = beside_a_crowd(server.port, begin, drip, watch, until_they_are_gone)
            rows.append([name, *in_ms(latencies),
                         *(f"{(highest.value - at_first) / SLOW_CLIENTS / 1024:.1f} KiB"
                           for highest, at_first in zip((kernel, own), before)), *rest])
    if "nginx" in options.peers:
        with nginx(threads=2, core=None) as server:
            (pathlib.Path(server.folder.name) / "large").write_bytes(large)
            rows.append(["read nothing of 1 MB, of nginx", *in_ms(beside_a_crowd(server.port, read_nothing_of_a_file, b"")),
                         "", "", "", "", ""])
    return scenario(f"{SLOW_CLIENTS:,} clients of each kind beside one that asks each 10 ms; transfer and header time-out 3 s",
                    ["they", "p99 of the other, without them", "in the second in which they come", "then", "slowest",
                     "kernel's memory, each, at most", "the server's", "gone after", f"kernel's left {left_after_s} s later",
                     "the server's"], rows)


ALL = {"threads": threads, "scaling": scaling, "preempted": preempted, "after-hold": after_hold, "stream": stream,
       "slow-clients": slow_clients}
