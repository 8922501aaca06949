"""The server as a process: what it makes of the limits, streams and signals that it is given, and its memory as the
system sees it.

process_test.py SERVER [TEST…]: all tests, or those named as unittest names them (descriptors.few_are_enough_…).
Exits 1 when one fails.
"""

import contextlib
import os
import pathlib
import re
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

MIB = 1024 * 1024
PATIENCE_S = 30
SERVER = None


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Client:
    """One connection. Every wait is bounded."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), PATIENCE_S)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.unread = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def receive(self):
        """The status and the content of one answer. Whatever is not strict HTTP fails."""
        while b"\r\n\r\n" not in self.unread:
            self.more()
        head, _, self.unread = self.unread.partition(b"\r\n\r\n")
        lines = head.split(b"\r\n")
        status = re.fullmatch(rb"HTTP/1\.1 ([1-5]\d\d) [ -~]+", lines[0])
        fields = [re.fullmatch(rb"([A-Za-z-]+): ([ -~]*)", line) for line in lines[1:]]
        if not status or not all(fields):
            raise AssertionError(f"this is no header: {head!r}")
        length = next((int(field[2]) for field in fields if field[1].lower() == b"content-length"), 0)
        while len(self.unread) < length:
            self.more()
        content, self.unread = self.unread[:length], self.unread[length:]
        return int(status[1]), content

    def more(self):
        data = self.socket.recv(1 << 20)
        if not data:
            raise AssertionError(f"the server closed; unread so far: {self.unread!r}")
        self.unread += data

    def ask(self, method, path, body=b""):
        self.send(request(method, path, body))
        return self.receive()


def request(method, path, body=b""):
    length = f"Content-Length: {len(body)}\r\n" if body else ""
    return f"{method} {path} HTTP/1.1\r\nHost: test\r\n{length}\r\n".encode() + body


class Server:
    """The program, serving on a port of its own. Its log goes to a file."""

    def __init__(self, *flags, before_start=None, redirections=""):
        self.port = free_port()
        self.log_file = tempfile.TemporaryFile()
        command = [SERVER, "--listen", f"127.0.0.1:{self.port}", "--writer-period", "0", "--host-name", "test,x", *flags]
        # The shell gives way to the server, so that the process is the server's.
        self.process = subprocess.Popen(["sh", "-c", f'exec "$@" {redirections}', "sh", *command], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=self.log_file, preexec_fn=before_start)

    def __enter__(self):
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                with Client(self.port) as client:
                    client.ask("GET", "/livez")
                return self
            except OSError:
                if time.monotonic() > deadline or self.process.poll() is not None:
                    self.__exit__()
                    raise AssertionError(f"the server does not serve: {self.log()}") from None
                time.sleep(0.01)

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()

    def log(self):
        self.log_file.seek(0)
        return self.log_file.read().decode()

    def own_bytes(self):
        """Resident memory that is the process's own."""
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii")
        return int(re.search(r"RssAnon:\s+(\d+) kB", status)[1]) * 1024

    def settles_below(self, own_bytes):
        """Whether its memory sinks below that soon. @return what it is then."""
        deadline = time.monotonic() + 5
        while self.own_bytes() > own_bytes and time.monotonic() < deadline:
            time.sleep(0.05)
        return self.own_bytes()


class descriptors(unittest.TestCase):
    @staticmethod
    def limit():
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))

    def few_are_enough_for_several_clients(self):
        with Server("--threads", "2", before_start=self.limit) as server, contextlib.ExitStack() as open_clients:
            time.sleep(1.5)  # the probe of the start is over, also where it counts as one connection for a while
            clients = [open_clients.enter_context(Client(server.port)) for _ in range(16)]
            statuses = [client.ask("GET", "/livez")[0] for client in clients]
            self.assertEqual(statuses, [200] * len(clients))

    def too_many_clients_do_not_fill_the_log(self):
        with Server("--threads", "2", before_start=self.limit) as server:
            clients = [Client(server.port) for _ in range(200)]
            time.sleep(3)
            told = server.log().count("accept failed")
            for client in clients:
                client.socket.close()
            self.assertLessEqual(told, 3)
            deadline, status = time.monotonic() + 20, 0
            while status != 200 and time.monotonic() < deadline:
                with contextlib.suppress(OSError, AssertionError), Client(server.port) as client:
                    status = client.ask("GET", "/livez")[0]
            self.assertEqual(status, 200, "served again once they have gone")


class streams(unittest.TestCase):
    def closed_ones_never_put_the_log_into_a_connection(self):
        for closed in ("<&- >&- 2>&-", "2>&-", "<&- 2>&-"):
            with self.subTest(closed), Server("--threads", "2", "--log-level", "trace", redirections=closed) as server:
                # Who has what number is the server's affair, so ask for it: a socket must not have those of a stream.
                for number in (0, 1, 2):
                    target = os.readlink(f"/proc/{server.process.pid}/fd/{number}")
                    self.assertEqual(target, "/dev/null", f"descriptor {number}")
                clients = [Client(server.port) for _ in range(8)]
                for _ in range(20):
                    for client in clients:
                        self.assertEqual(client.ask("GET", "/livez")[0], 200)
                    Client(server.port).socket.close()  # something to log
                for client in clients:
                    self.assertEqual(client.unread, b"")
                    client.socket.close()


class signals(unittest.TestCase):
    STREAMS = {
        "absent": request("GET", "/v1/kv/none"),
        "chunks": b"PUT /v1/kv/q HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n1\r\n0\r\n\r\n",
        "json": request("PUT", "/v1/kv/q", b"[" + b"1e308," * 10_000 + b"1]"),
    }

    @staticmethod
    def stream(port, text, stop):
        """Sends the same request without pause and reads the answers, until the server closes."""
        data, at = text * max(1, 65536 // len(text)), 0
        with contextlib.suppress(ConnectionError), socket.create_connection(("127.0.0.1", port)) as peer:
            peer.setblocking(False)
            while not stop.is_set():
                moved = False
                with contextlib.suppress(BlockingIOError):
                    at = (at + peer.send(data[at:])) % len(data)
                    moved = True
                with contextlib.suppress(BlockingIOError):
                    if not peer.recv(1 << 20):
                        return
                    moved = True
                if not moved:
                    time.sleep(0.0002)

    def a_streaming_client_does_not_hold_up_the_end(self):
        for name, text in self.STREAMS.items():
            with self.subTest(name), Server("--threads", "1", "--drain-timeout", "1s") as server:
                stop = threading.Event()
                streamer = threading.Thread(target=self.stream, args=(server.port, text, stop))
                streamer.start()
                try:
                    time.sleep(1)
                    server.process.send_signal(signal.SIGTERM)
                    self.assertEqual(server.process.wait(timeout=5), 0)
                except subprocess.TimeoutExpired:
                    self.fail("it runs on 5 s after SIGTERM")
                finally:
                    stop.set()
                    streamer.join()


class memory(unittest.TestCase):
    VALUE = b'"' + b"x" * (MIB - 2) + b'"'

    def deleted_values_are_given_back(self):
        with Server() as server, Client(server.port) as client:
            for number in range(400):
                self.assertEqual(client.ask("PUT", f"/v1/kv/{number}", self.VALUE)[0], 201)
            for number in range(400):
                self.assertEqual(client.ask("DELETE", f"/v1/kv/{number}")[0], 204)
            self.assertLess(server.settles_below(32 * MIB), 32 * MIB)

    def closed_connections_are_given_back(self):
        text = request("PUT", "/v1/kv/a", self.VALUE[:65535] + b'"')
        with Server() as server:
            before = server.own_bytes()
            clients = [Client(server.port) for _ in range(900)]
            for client in clients:
                client.send(text[:1000])
            for client in clients:
                client.send(text[1000:])
                self.assertIn(client.receive()[0], (201, 204))
            # At rest they keep little, and closed nothing.
            self.assertLess(server.settles_below(before + 8 * MIB) - before, 8 * MIB)
            for client in clients:
                client.socket.close()
            self.assertLess(server.settles_below(before + 8 * MIB) - before, 8 * MIB)

    def max_memory_bounds_the_process(self):
        with Server("--max-memory", "64MiB", "--threads", "2") as server, Client(server.port) as client:
            stored, status = 0, 201
            while status == 201 and stored < 300:
                status, content = client.ask("PUT", f"/v1/kv/{stored}", self.VALUE)
                stored += status == 201
            self.assertEqual(status, 507, content)
            self.assertGreater(stored, 32)
            self.assertLess(server.own_bytes(), (64 + 32) * MIB)
            for number in range(stored):
                self.assertEqual(client.ask("GET", f"/v1/kv/{number}"), (200, self.VALUE))
            self.assertEqual(client.ask("DELETE", "/v1/kv/0")[0], 204)
            self.assertEqual(client.ask("PUT", "/v1/kv/new", self.VALUE)[0], 201)
            self.assertLess(server.own_bytes(), (64 + 32) * MIB)


def tests_named(names):
    """The tests of that name, CLASS.METHOD; all of them where none is named."""
    for kind in (descriptors, streams, signals, memory):
        for method in vars(kind):
            is_test = not method.startswith("_") and method not in ("limit", "stream", "STREAMS", "VALUE")
            if is_test and (not names or f"{kind.__name__}.{method}" in names):
                yield kind(method)


def main():
    global SERVER
    SERVER = sys.argv[1]
    suite = unittest.TestSuite(tests_named(sys.argv[2:]))
    if suite.countTestCases() == 0:
        sys.exit(f"there is no test {sys.argv[2:]}")
    sys.exit(not unittest.TextTestRunner(verbosity=2).run(suite).wasSuccessful())


if __name__ == "__main__":
    main()
