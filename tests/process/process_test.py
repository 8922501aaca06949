"""The server as a process: what it makes of the limits, streams and signals that it is given, its memory as the system
sees it, and its data over restarts.

process_test.py SERVER [TEST…]: all tests, or those named as unittest names them (descriptors.few_are_enough_…).
Exits 1 when one fails.
"""

import contextlib
import json
import os
import pathlib
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

import server_process
from server_process import PATIENCE_S, Client, Server, request

MIB = 1024 * 1024


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
                with contextlib.suppress(OSError, EOFError), Client(server.port) as client:
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
        "chunks": b"PUT /v1/kv/q HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n1\r\n0\r\n\r\n",
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


    def a_second_one_ends_a_server_that_waits_for_the_disk(self):
        """A backup on a slow disk held up the end for minutes, and no signal was heeded."""
        with tempfile.TemporaryDirectory(prefix="holdfast-signals-") as scratch:
            backup = pathlib.Path(scratch) / "data-backups/monday"
            backup.mkdir(parents=True)
            os.mkfifo(backup / "format.new")  # nobody reads it, so the backup waits when it opens it to write
            with Server(data=pathlib.Path(scratch) / "data") as server:
                with Client(server.port) as client:
                    client.send(request("POST", "/v1/backups", b'{"to":"monday"}'))
                    self._becomes((backup / "lock").exists)
                server.process.terminate()
                self._becomes(lambda: "draining" in server.log())
                deadline = time.monotonic() + PATIENCE_S
                while server.runs() and time.monotonic() < deadline:
                    time.sleep(0.05)
                    server.process.terminate()
                self.assertEqual(server.process.poll(), -signal.SIGTERM)

    def _becomes(self, is_so):
        deadline = time.monotonic() + PATIENCE_S
        while not is_so():
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.01)


class access(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.scratch = pathlib.Path(scratch.name)
        self.tokens = self.scratch / "tokens.toml"

    def _make(self, name, *scopes):
        """@return the secret; the entry is added to the file"""
        flags = [flag for scope in scopes for flag in ("--scope", scope)]
        made = subprocess.run([server_process.SERVER, "token", "new", name, *flags], capture_output=True, text=True,
                              check=True, timeout=60)
        with self.tokens.open("a", encoding="utf-8") as file:
            file.write(made.stdout)
        return made.stderr.strip()

    def _comes_to_log(self, server, what):
        deadline = time.monotonic() + 30
        while what not in server.log():
            self.assertLess(time.monotonic(), deadline, server.log())
            time.sleep(0.01)

    def a_new_token_opens_the_server_and_a_hang_up_signal_reads_the_file_again(self):
        first = self._make("first", "read:", "write:a")
        self.assertNotIn(first, self.tokens.read_text(encoding="utf-8"))
        with Server("--tokens", str(self.tokens)) as server, Client(server.port) as client:
            self.assertEqual(client.ask("GET", "/v1/kv/a")[0], 401)
            self.assertEqual(client.ask("PUT", "/v1/kv/a", b"1", Authorization=f"Bearer {first}")[0], 201)
            second = self._make("second", "read:")
            self.assertEqual(client.ask("GET", "/v1/kv/a", Authorization=f"Bearer {second}")[0], 401)
            server.process.send_signal(signal.SIGHUP)
            self._comes_to_log(server, "tokens reloaded")
            self.assertEqual(client.ask("GET", "/v1/kv/a", Authorization=f"Bearer {second}")[0], 200)
            self.tokens.write_text("[[token]]\nname = 1\n", encoding="utf-8")
            server.process.send_signal(signal.SIGHUP)
            self._comes_to_log(server, "line 2: name")
            self.assertEqual(client.ask("GET", "/v1/kv/a", Authorization=f"Bearer {second}")[0], 200)
            self.assertNotIn(first, server.log())

    def a_renamed_log_is_made_anew(self):
        log = self.scratch / "access.log"
        with Server("--access-log", str(log)) as server, Client(server.port) as client:
            client.ask("GET", "/v1/kv/a?hold=0")
            log.rename(self.scratch / "old.log")
            server.process.send_signal(signal.SIGHUP)
            # A line that is written while the file is made may still go into the old one.
            deadline, asked = time.monotonic() + 30, 0
            while not log.exists() or log.stat().st_size == 0:
                self.assertLess(time.monotonic(), deadline)
                client.ask("GET", "/v1/kv/b")
                asked += 1
                time.sleep(0.01)
            self.assertEqual(server.end(), 0)
        both = (self.scratch / "old.log").read_text(encoding="utf-8") + log.read_text(encoding="utf-8")
        self.assertEqual(both.count('"path":"/v1/kv/b"'), asked)

    def a_bad_token_file_is_no_start(self):
        self.tokens.write_text("[[token]]\nname = \"a\"\nscopes = [\"reed:\"]\n", encoding="utf-8")
        ended = subprocess.run([server_process.SERVER, "--in-memory", "--listen", "127.0.0.1:0", "--tokens", self.tokens],
                               capture_output=True, text=True, timeout=60)
        self.assertEqual(ended.returncode, 1)
        self.assertIn("tokens.toml, line 3: 'reed:' is no scope; write read:PREFIX", ended.stderr)


class memory(unittest.TestCase):
    VALUE = b'"' + b"x" * (MIB - 2) + b'"'
    HISTORY = 64 * MIB  # of the latest changes, for watchers

    def deleted_values_are_given_back(self):
        with Server() as server, Client(server.port) as client:
            for number in range(400):
                self.assertEqual(client.ask("PUT", f"/v1/kv/{number}", self.VALUE)[0], 201)
            for number in range(400):
                self.assertEqual(client.ask("DELETE", f"/v1/kv/{number}")[0], 204)
            most = 32 * MIB + self.HISTORY
            self.assertLess(server.settles_below(most), most)

    def closed_connections_are_given_back(self):
        text = request("PUT", "/v1/kv/a", self.VALUE[:65535] + b'"')
        most = 8 * MIB + self.HISTORY
        with Server() as server:
            before = server.own_bytes()
            clients = [Client(server.port) for _ in range(900)]
            for client in clients:
                client.send(text[:1000])
            for client in clients:
                client.send(text[1000:])
                self.assertIn(client.receive()[0], (201, 204))
            # At rest they keep little, and closed nothing.
            self.assertLess(server.settles_below(before + most) - before, most)
            for client in clients:
                client.socket.close()
            self.assertLess(server.settles_below(before + most) - before, most)

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


class data(unittest.TestCase):
    """What is kept in a directory, and how the process ends when it can't be: the exit codes of sysexits.h."""

    def setUp(self):
        scratch = tempfile.TemporaryDirectory(prefix="holdfast-data-")
        self.addCleanup(scratch.cleanup)
        self.scratch = pathlib.Path(scratch.name)
        self.directory = self.scratch / "data"

    def _refused(self, *flags, directory=None):
        """Starts a server that must not serve. @return its exit status, and what it says."""
        server = Server(*flags, data=directory or self.directory)
        try:
            return server.process.wait(PATIENCE_S), server.log()
        finally:
            server.kill()

    def a_restart_changes_nothing(self):
        with Server(data=self.directory) as server, Client(server.port) as client:
            self.assertIn(f"data={self.directory}", server.log_with(f"data={self.directory}"), "it says where")
            client.ask("PUT", "/v1/kv/kept", b"1")
            self.assertEqual(client.ask("PUT", "/v1/kv/kept", b'{"a": 1.0}')[0], 204)
            self.assertEqual(client.ask("PUT", "/v1/kv/brief?ttl=1h", b"true")[0], 201)
            client.ask("PUT", "/v1/kv/gone", b"3")
            self.assertEqual(client.ask("DELETE", "/v1/kv/gone")[0], 204)
            client.ask("GET", "/v1/kv/kept")
            tag, revision = client.fields["etag"], json.loads(client.ask("GET", "/v1/kv?limit=1")[1])["revision"]
            self.assertEqual(server.end(), 0)
        with Server(data=self.directory) as server, Client(server.port) as client:
            self.assertEqual(client.ask("GET", "/v1/kv/kept"), (200, b'{"a": 1.0}'))
            self.assertEqual(client.fields["etag"], tag, "who has seen it need not read it again")
            self.assertEqual(client.ask("GET", "/v1/kv/kept", If_None_Match=tag)[0], 304)
            self.assertEqual(client.ask("GET", "/v1/kv/brief")[0], 200)
            self.assertAlmostEqual(float(client.fields["holdfast-ttl"]), 3600, delta=60)
            self.assertEqual(client.ask("GET", "/v1/kv/gone")[0], 404)
            self.assertEqual(json.loads(client.ask("GET", "/v1/kv?limit=1")[1])["revision"], revision)

    def in_memory_leaves_no_directory(self):
        folder = os.getcwd()
        os.chdir(self.scratch)
        try:
            with Server() as server, Client(server.port) as client:
                self.assertEqual(client.ask("PUT", "/v1/kv/a", b"1")[0], 201)
            self.assertEqual(list(self.scratch.iterdir()), [])
        finally:
            os.chdir(folder)

    def _damaged(self, changes):
        """Stores so many values, kills the server, and flips a bit in the middle of the log.  @return the log, and what it has"""
        with Server(data=self.directory) as server, Client(server.port) as client:
            for number in range(changes):
                client.ask("PUT", f"/v1/kv/{number}", b'"' + b"x" * 100 + b'"')
            server.kill()
        log = max((self.directory / "journal").glob("*.log"), key=lambda path: path.stat().st_size)
        text = bytearray(log.read_bytes())
        text[len(text) // 2] ^= 1
        log.write_bytes(text)
        return log, text

    def damage_ends_it_with_65(self):
        log, text = self._damaged(100)
        status, said = self._refused()
        self.assertEqual(status, 65, said)
        self.assertIn("--accept-loss", said, "it says what to do")
        self.assertEqual(log.read_bytes(), text, "nothing was changed")
        with Server("--accept-loss", data=self.directory) as server, Client(server.port) as client:
            self.assertIn("data lost", server.log_with("data lost"))
            self.assertEqual(client.ask("GET", "/v1/kv/0")[0], 200, "what is before the damage is still there")
            self.assertEqual(client.ask("GET", "/v1/kv/99")[0], 404)

    def a_directory_that_cannot_be_made_ends_it_with_73(self):
        (self.scratch / "file").write_text("something else", encoding="ascii")
        status, said = self._refused(directory=self.scratch / "file")
        self.assertEqual(status, 73, said)
        status, said = self._refused(directory=self.scratch)  # where somebody's file is
        self.assertEqual(status, 73, said)
        self.assertIn("empty directory", said)

    def a_directory_that_is_not_permitted_ends_it_with_77(self):
        status, said = self._refused(directory="/sys/holdfast")  # not even root may make one there
        self.assertEqual(status, 77, said)
        self.assertIn("--data", said)

    def a_write_that_fails_ends_it_with_74_and_takes_nothing_back(self):
        # A write beyond the limit fails, as it would on a broken disk.
        def ignore():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        stored = 0
        with Server(data=self.directory, before_start=ignore) as server, Client(server.port) as client:
            resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (64 * 1024, 64 * 1024))
            with contextlib.suppress(EOFError, ConnectionError):  # it closes
                while stored < 1000:
                    self.assertEqual(client.ask("PUT", f"/v1/kv/{stored}", b'"' + b"x" * 1000 + b'"')[0], 201)
                    stored += 1
            self.assertEqual(client.unread, b"", "not one byte of an answer that is not true")
            self.assertEqual(server.process.wait(PATIENCE_S), 74, server.log())
            self.assertIn("storage failed", server.log_with("storage failed"))
        self.assertGreater(stored, 10)
        with Server(data=self.directory) as server, Client(server.port) as client:
            for number in range(stored):
                self.assertEqual(client.ask("GET", f"/v1/kv/{number}")[0], 200)

    def a_write_that_fails_is_told_also_without_a_log(self):
        def ignore():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        with Server("--log-level", "off", data=self.directory, before_start=ignore) as server:
            with Client(server.port) as client, contextlib.suppress(EOFError, ConnectionError):
                resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (64 * 1024, 64 * 1024))
                for number in range(1000):
                    client.ask("PUT", f"/v1/kv/{number}", b'"' + b"x" * 1000 + b'"')
            self.assertEqual(server.process.wait(PATIENCE_S), 74)
            self.assertRegex(server.log(), r"\Aholdfast-server: storage failed: [^\n]*\n\Z")

    def its_files_are_not_for_all_users(self):
        """In a directory that was made before, all users of the machine could read the values."""
        self.directory.mkdir(mode=0o755)
        self.directory.chmod(0o755)  # whatever this process's umask is
        with Server(data=self.directory) as server, Client(server.port) as client:
            client.ask("PUT", "/v1/kv/a", b'"secret"')
            self.assertEqual(client.ask("POST", "/v1/backups", b'{"to":"sunday","to":"monday"}')[0], 400)
            self.assertEqual(client.ask("POST", "/v1/backups", b'{"to":"monday"}')[0], 201)
            self.assertEqual(server.end(), 0)
        self.assertEqual(self._run("backup", self.scratch / "copy", "--data", self.directory)[0], 0)
        self.assertEqual(self._run("restore", self.scratch / "copy", "--data", self.scratch / "again")[0], 0)
        for directory in ("data", "data-backups", "copy", "again"):
            for path in (self.scratch / directory).rglob("*"):
                self.assertEqual(path.stat().st_mode & 0o007, 0, path)

    def an_interrupted_measurement_of_the_disk_is_no_data(self):
        self.directory.mkdir()
        measures = subprocess.Popen([server_process.SERVER, "check-disk", str(self.directory)], stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + PATIENCE_S
        while not list(self.directory.glob(".holdfast-check-*.data")) and time.monotonic() < deadline:
            time.sleep(0.01)
        measures.kill()
        self.assertEqual(measures.wait(), -signal.SIGKILL)
        left = list(self.directory.iterdir())
        self.assertTrue(all(path.is_dir() for path in left), left)
        with Server(data=self.directory) as server, Client(server.port) as client:
            self.assertEqual(client.ask("PUT", "/v1/kv/a", b"1")[0], 201)

    def a_directory_in_use_ends_it_with_75(self):
        with Server(data=self.directory) as server:
            status, said = self._refused()
            self.assertEqual(status, 75, said)
            self.assertIn(str(server.process.pid), said, "it names who uses it")
            with Client(server.port) as client:
                self.assertEqual(client.ask("PUT", "/v1/kv/a", b"1")[0], 201, "the first one is not disturbed")

    def clients_that_take_every_connection_leave_descriptors_for_the_data(self):
        # They took those of the next table, so that the server ended with 74 and blamed the disk.
        def limit():
            resource.setrlimit(resource.RLIMIT_NOFILE, (128, 128))
        value = b'"' + os.urandom(200_000).hex().encode() + b'"'
        with Server("--threads", "1", data=self.directory, before_start=limit) as server, Client(server.port) as client:
            self.assertIn("fewer connections than max-connections", server.log())
            with contextlib.ExitStack() as others:
                for _ in range(100):
                    others.enter_context(Client(server.port))
                for number in range(400):  # 160 MB, in more tables than there are descriptors
                    self.assertEqual(client.ask("PUT", f"/v1/kv/{number}", value)[0], 201, server.log())
                status, told = client.ask("POST", "/v1/backups", b'{"to":"full"}')
                self.assertEqual(status, 201, told)
            self.assertEqual(server.end(), 0, server.log())
        with Server("--threads", "1", data=self.directory, before_start=limit) as server, Client(server.port) as client:
            self.assertEqual(client.ask("GET", "/v1/kv/399"), (200, value))

    def _small_disk(self, kib):
        """A file system of this size, or a skipped test where none may be mounted."""
        disk = self.scratch / "disk"
        disk.mkdir()
        made = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={kib}k", "tmpfs", disk], capture_output=True,
                              check=False)
        if made.returncode != 0:
            self.skipTest("mounting is not permitted")
        self.addCleanup(subprocess.run, ["umount", "--lazy", disk], check=True)
        return disk

    @staticmethod
    def _fill(disk, free_kib):
        free = os.statvfs(disk)
        with open(disk / "filler", "wb") as filler:
            filler.write(bytes(max(0, free.f_bavail * free.f_bsize - free_kib * 1024)))

    def a_full_disk_ends_it_with_a_line_and_never_by_an_abort(self):
        disk = self._small_disk(2048)
        for free_kib in range(0, 64, 4):
            with self.subTest("a new directory", free_kib=free_kib):
                self._fill(disk, free_kib)
                server = Server(data=disk / "data")
                try:
                    # With enough space it serves.
                    if "listening" not in self._first_words(server):
                        self.assertIn(server.process.wait(PATIENCE_S), (73, 74), server.log())
                        self.assertIn("free some space", server.log())
                finally:
                    server.kill()
                    (disk / "filler").unlink()
                    shutil.rmtree(disk / "data", ignore_errors=True)
        with Server(data=disk / "data") as server, Client(server.port) as client:
            # On a disk as small as this, nothing may be added.
            self.assertEqual(client.ask("PUT", "/v1/kv/a", b"1")[0], 507)
            self.assertEqual(server.end(), 0)
        for free_kib in range(0, 64, 4):
            with self.subTest("a good directory", free_kib=free_kib):
                self._fill(disk, free_kib)
                server = Server(data=disk / "data")
                try:
                    if "listening" not in self._first_words(server):
                        self.assertEqual(server.process.wait(PATIENCE_S), 74, server.log())
                        self.assertIn("free some space", server.log())
                finally:
                    server.kill()
                    (disk / "filler").unlink()
        self.assertEqual(self._run("inspect", disk / "data")[0], 0)

    @staticmethod
    def _first_words(server):
        """Its log when it serves or has ended."""
        deadline = time.monotonic() + PATIENCE_S
        while server.runs() and "listening" not in server.log() and time.monotonic() < deadline:
            time.sleep(0.01)
        return server.log()

    def a_loss_stays_to_be_accepted_when_the_start_that_accepts_it_fails(self):
        # Its start had removed the damage before it failed, so that the next one served the rest as if it were all.
        self._damaged(40)
        (self.directory / "witness").unlink()
        status, said = self._refused("--accept-loss", "--tokens", str(self.scratch / "missing.toml"))
        self.assertEqual(status, 1, said)
        self.assertEqual(self._refused()[0], 65)
        with Server("--accept-loss", data=self.directory) as server, Client(server.port) as client:
            self.assertIn("data lost", server.log_with("data lost"))
            self.assertEqual(client.ask("GET", "/v1/kv/0")[0], 200)

    def a_restore_that_was_interrupted_is_never_an_empty_database(self):
        with Server(data=self.directory) as server, Client(server.port) as client:
            client.ask("PUT", "/v1/kv/a", b"1")
            self.assertEqual(client.ask("POST", "/v1/backups", b'{"to":"good"}')[0], 201)
        good, bad = self.scratch / "data-backups" / "good", self.scratch / "bad"
        shutil.copytree(good, bad)
        for table in (bad / "journal").glob("*.sst"):
            table.write_bytes(table.read_bytes()[:20] + b"U" + table.read_bytes()[21:])
        for log in (bad / "journal").glob("*.log"):
            log.write_bytes(log.read_bytes()[:8] + b"U" + log.read_bytes()[9:])
        again = self.scratch / "again"
        status, said = self._run("restore", bad, "--data", again)
        self.assertEqual(status, 65, said)
        self.assertIn(str(bad), said)
        self.assertNotIn(str(again), said)
        status, said = self._refused(directory=again)
        self.assertEqual(status, 73, said)
        self.assertIn("interrupted; run that again", said)
        self.assertEqual(self._run("restore", good, "--data", again)[0], 0)
        with Server(data=again) as server, Client(server.port) as client:
            self.assertEqual(client.ask("GET", "/v1/kv/a"), (200, b"1"))

    def a_token_of_a_lock_is_never_given_twice_not_even_by_restores(self):
        def grant(client):
            status, told = client.ask("POST", "/v1/locks/deploy?lease=1h")
            self.assertEqual(status, 201, told)
            path = client.fields["location"]
            token = json.loads(told)["token"]
            self.assertEqual(client.ask("DELETE", path)[0], 204)
            return token
        with Server(data=self.directory) as server, Client(server.port) as client:
            tokens = [grant(client)]
            self.assertEqual(client.ask("POST", "/v1/backups", b'{"to":"early"}')[0], 201)
            tokens += [grant(client) for _ in range(5)]
        for restored in ("first", "second"):
            self.assertEqual(self._run("restore", self.scratch / "data-backups" / "early", "--data",
                                       self.scratch / restored)[0], 0)
            with Server(data=self.scratch / restored) as server, Client(server.port) as client:
                latest = grant(client)
                self.assertGreater(latest, max(tokens))
                tokens.append(latest)
                path = client.ask("POST", "/v1/locks/deploy?lease=1h") and client.fields["location"]
                for token in tokens:
                    status, told = client.ask("PUT", "/v1/kv/site", b"1", Holdfast_Lock=f"deploy;token={token}")
                    self.assertEqual((status, json.loads(told)["code"]), (412, "lock_lost"), token)
                self.assertEqual(client.ask("DELETE", path)[0], 204)

    def a_backup_is_made_while_it_runs(self):
        backups = self.scratch / "data-backups"
        with Server(data=self.directory) as server, Client(server.port) as client:
            client.ask("PUT", "/v1/kv/a", b"1")
            status, told = client.ask("POST", "/v1/backups", b'{"to":"monday"}')
            self.assertEqual(status, 201, told)
            self.assertEqual(json.loads(told)["path"], str(backups / "monday"))
            self.assertEqual(json.loads(told)["revision"], 1)
            status, told = client.ask("POST", "/v1/backups", b'{"to":"monday"}')
            self.assertEqual((status, json.loads(told)["code"]), (409, "backup_exists"))
            # At once: it was refused while the thread of the last one was about to end.
            self.assertEqual(client.ask("POST", "/v1/backups")[0], 201, "it names them by time and revision")
            for outside in ("../monday", "a/b", ".", "/tmp/monday", ""):
                status, told = client.ask("POST", "/v1/backups", json.dumps({"to": outside}).encode())
                self.assertEqual((status, json.loads(told)["code"]), (400, "invalid_parameter"), outside)
            client.ask("PUT", "/v1/kv/a", b"2")
        self.assertEqual(self._run("restore", backups / "monday", "--data", self.scratch / "again")[0], 0)
        with Server(data=self.scratch / "again") as server, Client(server.port) as client:
            self.assertEqual(client.ask("GET", "/v1/kv/a"), (200, b"1"))
        with Server() as server, Client(server.port) as client:
            status, told = client.ask("POST", "/v1/backups")
            self.assertEqual((status, json.loads(told)["code"]), (409, "nothing_is_kept"))

    def a_backup_that_failed_can_be_made_again(self):
        """Its name was taken, although there was no backup of that name."""
        backups = self.scratch / "data-backups"
        with Server(data=self.directory) as server, Client(server.port) as client:
            for number in range(50):
                client.ask("PUT", f"/v1/kv/{number}", json.dumps(os.urandom(4000).hex()).encode())
            self.assertEqual(client.ask("POST", "/v1/backups", b'{"to":"monday"}')[0], 201)
            self.assertEqual(client.ask("POST", "/v1/backups", b'{"to":"monday"}')[0], 409)
            # What a server leaves that was killed meanwhile.
            line = (backups / "monday/format").read_text(encoding="ascii")
            (backups / "monday/format").write_text(line.replace("backup", "creating"), encoding="ascii")
            self.assertEqual(client.ask("POST", "/v1/backups", b'{"to":"monday"}')[0], 201)
            if self._is_mounted(backups / "tuesday", "64k"):
                status, told = client.ask("POST", "/v1/backups", b'{"to":"tuesday"}')
                self.assertEqual((status, json.loads(told).get("code")), (507, "disk_full"), told)
                self.assertIn("make it again", json.loads(told)["detail"])
                subprocess.run(["mount", "-o", "remount,size=8m", backups / "tuesday"], check=True)
                self.assertEqual(client.ask("POST", "/v1/backups", b'{"to":"tuesday"}')[0], 201)
                self.assertEqual(client.ask("POST", "/v1/backups", b'{"to":"tuesday"}')[0], 409)
                self.assertEqual(self._run("inspect", backups / "tuesday")[0], 0)
            self.assertEqual(client.ask("PUT", "/v1/kv/a", b"1")[0], 201)
        self.assertEqual(self._run("inspect", backups / "monday")[0], 0)

    def _is_mounted(self, directory, size):
        """Makes a small disk there. @return false where that is not allowed"""
        directory.mkdir()
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "none", directory], capture_output=True,
                                 check=False)
        if mounted.returncode == 0:
            self.addCleanup(subprocess.run, ["umount", directory], check=True)
        return mounted.returncode == 0

    def data_that_can_only_be_read_are_copied_by_a_restore(self):
        with Server(data=self.directory) as server, Client(server.port) as client:
            client.ask("PUT", "/v1/kv/a", b"1")
            self.assertEqual(server.end(), 0)
        self.scratch.chmod(0o777)
        for path in (self.directory, *self.directory.rglob("*")):
            path.chmod(0o555 if path.is_dir() else 0o444)
        another = {"user": 65534} if os.geteuid() == 0 else {}
        try:
            status, said = self._run("backup", self.scratch / "copy", "--data", self.directory, **another)
        except PermissionError:
            self.skipTest("another user can't run the program")
        self.assertEqual(status, 77, said)
        self.assertIn(f"restore {self.directory} --data NEW_DIR", said)
        status, said = self._run("restore", self.directory, "--data", self.scratch / "new", **another)
        self.assertEqual(status, 0, said)

    def it_tells_how_it_keeps_them(self):
        with Server("--sync", "off", data=self.directory) as server, Client(server.port) as client:
            self.assertIn("journal=rocksdb sync=off revision=0", server.log_with("journal=rocksdb sync=off revision=0"))
            # An answer that finds its change already kept was not withheld and does not mention the disk. That was seen
            # on a busy machine, where the thread that asked is interrupted for longer than the commit takes.
            for puts in range(1, 101):
                client.ask("PUT", "/v1/kv/a", b"1")
                if "disk;" in client.fields["server-timing"]:
                    break
            self.assertIn(", no sync", client.fields["server-timing"])
            journal = json.loads(client.ask("GET", "/version")[1])["journal"]
            self.assertEqual((journal["kind"], journal["sync"], journal["durable_revision"]), ("rocksdb", False, puts))
            self.assertGreater(journal["bytes"], 0)
            metrics = client.ask("GET", "/metrics")[1].decode()
            for line in (f"holdfast_journal_durable_revision {puts}", f"holdfast_journal_commit_seconds_count {puts}",
                         f'holdfast_journal_batch_changes_bucket{{le="1"}} {puts}',
                         f"holdfast_journal_batch_changes_sum {puts}",
                         'holdfast_journal_info{kind="rocksdb",sync="off"} 1'):
                self.assertIn(line + "\n", metrics)
        with Server() as server, Client(server.port) as client:
            self.assertEqual(json.loads(client.ask("GET", "/version")[1])["journal"], {"kind": "none"})
            self.assertNotIn(b"journal", client.ask("GET", "/metrics")[1])

    @staticmethod
    def _run(*arguments, **how):
        """A subcommand. @return its exit status, and what it says"""
        done = subprocess.run([server_process.SERVER, *map(str, arguments)], capture_output=True, text=True,
                              timeout=PATIENCE_S, **how)
        return done.returncode, done.stdout + done.stderr

    def a_backup_is_restored_as_another_database(self):
        with Server(data=self.directory) as server, Client(server.port) as client:
            client.ask("PUT", "/v1/kv/a", b"1")
            tag = client.ask("GET", "/v1/kv/a") and client.fields["etag"]
            self.assertEqual(self._run("backup", self.scratch / "copy", "--data", self.directory)[0], 75)
            self.assertEqual(server.end(), 0)
        self.assertEqual(self._run("backup", self.scratch / "copy", "--data", self.directory)[0], 0)
        for directory in ("data", "copy"):
            status, said = self._run("inspect", self.scratch / directory)
            self.assertEqual(status, 0, said)
            self.assertIn("complete and undamaged", said)
        self.assertEqual(self._run("restore", self.scratch / "copy", "--data", self.directory)[0], 73, "never over data")
        self.assertEqual(self._run("restore", self.scratch / "copy", "--data", self.scratch / "again")[0], 0)
        with Server(data=self.scratch / "again") as server, Client(server.port) as client:
            self.assertEqual(client.ask("GET", "/v1/kv/a"), (200, b"1"))
            self.assertNotEqual(client.fields["etag"], tag, "who knows the old database notices")


def tests_named(names):
    """The tests of that name, CLASS.METHOD; all of them where none is named."""
    for kind in (descriptors, streams, signals, access, memory, data):
        for method in vars(kind):
            is_test = not method.startswith("_") and method not in ("limit", "stream", "STREAMS", "VALUE", "HISTORY", "setUp")
            if is_test and (not names or f"{kind.__name__}.{method}" in names):
                yield kind(method)


def main():
    server_process.SERVER = sys.argv[1]
    suite = unittest.TestSuite(tests_named(sys.argv[2:]))
    if suite.countTestCases() == 0:
        sys.exit(f"there is no test {sys.argv[2:]}")
    sys.exit(not unittest.TextTestRunner(verbosity=2).run(suite).wasSuccessful())


if __name__ == "__main__":
    main()
