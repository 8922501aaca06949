"""What TLS costs the server, beside plain HTTP; see bench/tls.sh. Prints one table a part.

A server speaks either, so there are two, and their bursts take turns. Ratios of one run are what counts.
"""

import argparse
import json
import os
import resource
import socket
import ssl
import statistics
import subprocess
import tempfile
import time

SERVER, CLIENT = "build/release/bin/holdfast-server", "build/release/bin/holdfast"
CROWD = 2000
IDLE = 2000

arguments = argparse.ArgumentParser(prog="./x bench tls")
arguments.add_argument("parts", nargs="*", choices=["cpu", "idle", "crowd", []])
arguments.add_argument("--rounds", type=int, default=5)
arguments.add_argument("--seconds", type=float, default=2)
options = arguments.parse_args()
parts = options.parts or ["cpu", "idle", "crowd"]
soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


class Server:
    """One that speaks TLS, or not; on one thread, in memory."""

    def __init__(self, files=None):
        self.port = free_port()
        self.is_tls = files is not None
        more = ["--tls-cert", files[0], "--tls-key", files[1]] if files else []
        self.process = subprocess.Popen(
            [SERVER, "--in-memory", "--threads", "1", "--writer-period", "0", "--listen", f"127.0.0.1:{self.port}",
             "--log-level", "warn"] + more)
        self.context = ssl.create_default_context()
        self.context.check_hostname = False
        self.context.verify_mode = ssl.CERT_NONE
        for _ in range(100):
            try:
                self.connect().close()
                return
            except OSError:
                time.sleep(0.05)

    def connect(self):
        plain = socket.create_connection(("127.0.0.1", self.port))
        return self.context.wrap_socket(plain) if self.is_tls else plain

    def load(self, *more):
        url = f"{'https' if self.is_tls else 'http'}://127.0.0.1:{self.port}"
        ran = subprocess.run([CLIENT, "--server", url, "--insecure", "load", "--json", "--quiet", "--server-pid",
                              str(self.process.pid)] + list(more), capture_output=True, text=True, check=False)
        if ran.returncode != 0:
            raise SystemExit(ran.stderr)
        return json.loads(ran.stdout)

    def resident_bytes(self):
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as status:
            return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmRSS"))

    def end(self):
        self.process.terminate()
        self.process.wait()


def measure_cpu(plain, tls):
    # At a rate, so that both are as busy: a closed loop over TLS gives the server fewer requests a wake-up.
    print("Processor time of the server for a GET of 64 bytes, 16 connections kept")
    print("  requests/s   plain      TLS   ratio of each round, and their median")
    for rate in (2_000, 20_000, 50_000):
        pairs = []
        for _ in range(options.rounds):
            pairs.append([one.load("--duration", f"{options.seconds}s", "--connections", "16", "--rate", f"{rate}/s", "--mix",
                                   "get=100", "--keys", "100")["server"]["cpu_us_per_request"] for one in (plain, tls)])
        ratios = [b / a for a, b in pairs]
        print(f"  {rate:10}  {statistics.median(a for a, _ in pairs):5.2f} us {statistics.median(b for _, b in pairs):5.2f} us"
              f"   {' '.join(f'{one:.2f}' for one in ratios)}   {statistics.median(ratios):.2f}")


def measure_idle(servers):
    print(f"Resident memory of the server for each of {IDLE} connections at rest")
    for one in servers:
        def ask():
            connection = one.connect()
            connection.sendall(b"GET /livez HTTP/1.1\r\nHost: a\r\n\r\n")
            connection.recv(1000)
            return connection
        kept = [ask() for _ in range(200)]
        time.sleep(1.5)
        before = one.resident_bytes()
        kept += [ask() for _ in range(IDLE)]
        time.sleep(2.5)
        print(f"  {'TLS' if one.is_tls else 'plain':5}  {(one.resident_bytes() - before) / IDLE:7.0f} bytes")
        for each in kept:
            each.close()


CROWD_PROGRAM = """
import socket, ssl, sys, select, time
context = ssl.create_default_context(); context.check_hostname = False; context.verify_mode = ssl.CERT_NONE
port, count, wait = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
time.sleep(wait)
begun = time.monotonic()
waiting = {}
poller = select.epoll()
for _ in range(count):
    one = socket.socket(); one.setblocking(False); one.connect_ex(("127.0.0.1", port))
    waiting[one.fileno()] = one
    poller.register(one, select.EPOLLOUT)
done = 0
kept = []
while waiting and time.monotonic() - begun < 30:
    for number, _ in poller.poll(1):
        one = waiting[number]
        if not isinstance(one, ssl.SSLSocket):
            poller.unregister(number)
            one = context.wrap_socket(one, do_handshake_on_connect=False)
            del waiting[number]
            number = one.fileno()
            waiting[number] = one
            poller.register(one, select.EPOLLIN)
        try:
            one.do_handshake()
            poller.unregister(number); del waiting[number]; kept.append(one)
        except ssl.SSLWantReadError:
            poller.modify(number, select.EPOLLIN)
        except ssl.SSLWantWriteError:
            poller.modify(number, select.EPOLLOUT)
print(len(kept), round(time.monotonic() - begun, 2))
"""


def measure_crowd(tls, other):
    """The crowd takes processor time itself, so it also connects to another server, whose work delays ours only so far."""
    print(f"p99 of other requests (32 connections, 3,000 requests a second) while {CROWD} clients connect at once")
    print("     alone   crowd elsewhere   crowd here   here / elsewhere   handshakes, and their time")
    more = ["--duration", f"{options.seconds}s", "--connections", "32", "--rate", "3000/s", "--mix", "get=100", "--keys",
            "100"]
    ratios = []
    for _ in range(options.rounds):
        p99 = [tls.load(*more)["latency_ms"]["all"]["p99"]]
        for at in (other, tls):
            crowd = subprocess.Popen(["/usr/bin/python3", "-c", CROWD_PROGRAM, str(at.port), str(CROWD), "0.6"],
                                     stdout=subprocess.PIPE, text=True)
            p99.append(tls.load(*more)["latency_ms"]["all"]["p99"])
            shaken = crowd.communicate()[0].split()
        ratios.append(p99[2] / p99[1])
        print(f"  {p99[0]:5.2f} ms  {p99[1]:13.2f} ms  {p99[2]:8.2f} ms  {ratios[-1]:17.2f}   {shaken[0]} in {shaken[1]} s")
    print(f"  median of the ratios {statistics.median(ratios):.2f}")


with tempfile.TemporaryDirectory() as directory:
    files = [os.path.join(directory, name) for name in ("server.pem", "server.key")]
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                    "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1", "-out", files[0],
                    "-keyout", files[1]], check=True, capture_output=True)
    plain, tls = Server(), Server(files)
    try:
        if "cpu" in parts:
            measure_cpu(plain, tls)
        if "idle" in parts:
            measure_idle([plain, tls])
        if "crowd" in parts:
            other = Server(files)
            try:
                measure_crowd(tls, other)
            finally:
                other.end()
    finally:
        plain.end()
        tls.end()
