"""A holdfast-server as a process, and a client that is strict about HTTP. For the tests beside this file."""

import contextlib
import pathlib
import random
import re
import signal
import socket
import subprocess
import tempfile
import time

PATIENCE_S = 30
SERVER = None  # the program; set it first


def free_port():
    """Below those that the system gives to connections, one of which could have it before the server, or while the server
    is started again."""
    while True:
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", random.randrange(10_000, 32_000)))
            return probe.getsockname()[1]


def make_certificate(directory, name):
    """A certificate for 127.0.0.1 that is its own authority. @return its file and its key's; replaces existing ones"""
    certificate, key = (f"{directory}/{name}.{end}" for end in ("pem", "key"))
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                    "-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2", "-out", certificate,
                    "-keyout", key], check=True, capture_output=True)
    return certificate, key


class Client:
    """One connection, with TLS if an ssl.SSLContext is given. Every wait is bounded."""

    def __init__(self, port, trust=None, source=None):
        # A source needs a port that no other connection of this machine has had within a minute: none is left after
        # tests that made many.
        self.socket = socket.create_connection(("127.0.0.1", port), PATIENCE_S, source and (source, 0))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if trust:
            self.socket = trust.wrap_socket(self.socket, server_hostname="127.0.0.1")
        self.unread = b""
        self.fields = {}  # of the latest answer

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
        self.fields = {field[1].decode().lower(): field[2].decode() for field in fields}
        length = int(self.fields.get("content-length", 0))
        while len(self.unread) < length:
            self.more()
        content, self.unread = self.unread[:length], self.unread[length:]
        return int(status[1]), content

    def more(self):
        data = self.socket.recv(1 << 20)
        if not data:
            raise EOFError(f"the server closed; unread so far: {self.unread!r}")
        self.unread += data

    def ask(self, method, path, body=b"", **fields):
        """A field's name is written with underscores for hyphens."""
        self.send(request(method, path, body, **fields))
        return self.receive()


def request(method, path, body=b"", **fields):
    length = f"Content-Length: {len(body)}\r\n" if body else ""
    others = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in fields.items())
    return f"{method} {path} HTTP/1.1\r\nHost: localhost\r\n{length}{others}\r\n".encode() + body


class Process:
    """A program that can be killed, paused and started again by start(), which a subclass may extend."""

    def __init__(self, command, log_file=subprocess.DEVNULL, before_start=None):
        self.command, self.log_file, self.before_start = command, log_file, before_start

    def start(self):
        """Starts it; after its end, starts it again."""
        self.process, self.is_paused = subprocess.Popen(
            self.command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=self.log_file,
            preexec_fn=self.before_start), False

    def runs(self):
        return self.process.poll() is None

    def kill(self):
        self.process.kill()
        self.process.wait()

    def end(self):
        """Ends it as an operator does. @return its exit status"""
        self.process.terminate()
        return self.process.wait(PATIENCE_S)

    def pause(self):
        """Returns when all its threads have stopped, which takes a while on a busy machine."""
        self.process.send_signal(signal.SIGSTOP)
        self.is_paused = True
        deadline = time.monotonic() + PATIENCE_S
        while not all(one in "TZX" for one in self.states()) and time.monotonic() < deadline:
            time.sleep(0.001)

    def states(self):
        """A letter for each thread, as proc(5) has them."""
        for stat in pathlib.Path(f"/proc/{self.process.pid}/task").glob("*/stat"):
            try:
                yield stat.read_text(encoding="ascii").rpartition(")")[2].split()[0]
            except OSError:
                pass  # it has ended

    def go_on(self):
        self.process.send_signal(signal.SIGCONT)
        self.is_paused = False


class Server(Process):
    """The program, serving on a port of its own. Its log goes to a file. Keeps no data unless it is given a directory."""

    trust = None  # the ssl.SSLContext of its clients

    def __init__(self, *flags, data=None, writer_period="0", before_start=None, redirections=""):
        self.port = free_port()
        journal = ["--data", str(data)] if data else ["--in-memory"]
        command = [SERVER, "--listen", f"127.0.0.1:{self.port}", "--writer-period", writer_period, *journal, *flags]
        # The shell gives way to the server, so that the process is the server's.
        super().__init__(["sh", "-c", f'exec "$@" {redirections}', "sh", *command], tempfile.TemporaryFile(), before_start)
        self.start()

    def __enter__(self):
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                with self.connect() as client:
                    client.ask("GET", "/livez")
                return self
            except OSError:
                if time.monotonic() > deadline or self.process.poll() is not None:
                    self.__exit__()
                    raise AssertionError(f"the server does not serve: {self.log()}") from None
                time.sleep(0.01)

    def __exit__(self, *_):
        self.kill()

    def connect(self):
        return Client(self.port, self.trust)

    def log(self):
        self.log_file.seek(0)
        return self.log_file.read().decode()

    def log_with(self, text, times=1):
        """The log as soon as it has the text so many times, which a thread of its own writes; or what it is after a while."""
        deadline = time.monotonic() + PATIENCE_S
        while (log := self.log()).count(text) < times and time.monotonic() < deadline:
            time.sleep(0.02)
        return log

    def own_bytes(self):
        """Resident memory that is the process's own."""
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii")
        return int(re.search(r"RssAnon:\s+(\d+) kB", status)[1]) * 1024

    def settles_below(self, own_bytes):
        """Whether its memory sinks below that soon. @return what it is then."""
        deadline = time.monotonic() + 20
        while self.own_bytes() > own_bytes and time.monotonic() < deadline:
            time.sleep(0.05)
        return self.own_bytes()
