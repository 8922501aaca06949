"""`holdfast with-lock`: at no moment do two commands run that hold the same lock, whoever is killed or stopped. Each command
appends its token to a file every few milliseconds; so when a token has come behind a newer one, two have run.

with_lock_test.py SERVER CLIENT [TEST…]
"""

import contextlib
import json
import os
import pathlib
import random
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

import etcd_process
import server_process
from cluster_test import Cluster, insist
from server_process import PATIENCE_S, Client, Server

CLIENT = None
LEASE_S = 1
# Ends by itself after a while, so that no failure leaves it behind.
APPEND = """import os, sys, time
end = time.monotonic() + float(sys.argv[2])
while time.monotonic() < end:
    with open(sys.argv[1], "a") as log: log.write(os.environ["HOLDFAST_LOCK_TOKEN"] + "\\n")
    time.sleep(0.003)
"""


class Door:
    """Another address of a server, as another server of its cluster would be, until it is shut or falls silent."""

    def __init__(self, port):
        self.behind, self.ends, self.is_silent = port, [], False
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.let_in, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.shut()

    def shut(self):
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for one in self.ends:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def let_in(self):
        with contextlib.suppress(OSError):
            while True:
                outer = self.listener.accept()[0]
                inner = socket.create_connection(("127.0.0.1", self.behind))
                self.ends += [outer, inner]
                for pair in ((outer, inner), (inner, outer)):
                    threading.Thread(target=self.carry, args=pair, daemon=True).start()

    def carry(self, source, sink):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if not self.is_silent:
                    sink.sendall(data)
        for one in (source, sink):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)


class with_lock(unittest.TestCase):
    def setUp(self):
        self.scratch = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory(prefix="holdfast-with-lock-")))
        self.log = self.scratch / "tokens"
        self.started = []

    def tearDown(self):
        for one in self.started:
            with contextlib.suppress(ProcessLookupError):
                one.send_signal(signal.SIGCONT)
                one.kill()
            one.wait()

    def run_with(self, server, *words, options=(), lease_s=LEASE_S):
        """Starts a command under the lock `l`. @param server or several of them"""
        servers = server if isinstance(server, list) else [server]
        one = subprocess.Popen([CLIENT, "--server", ",".join(f"http://127.0.0.1:{each.port}" for each in servers), "with-lock",
                                f"--lease={lease_s}s", *options, "l", "--", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               text=True)
        self.started.append(one)
        return one

    def append(self, server, seconds, options=()):
        return self.run_with(server, sys.executable, "-c", APPEND, str(self.log), str(seconds), options=options)

    def tokens(self):
        return [int(line) for line in self.log.read_text().split()] if self.log.exists() else []

    def await_token(self, count=1):
        """Waits until so many different tokens have been appended."""
        deadline = time.monotonic() + PATIENCE_S
        while len(set(self.tokens())) < count:
            self.assertLess(time.monotonic(), deadline, "nobody gets the lock")
            time.sleep(0.005)

    def assert_never_two(self):
        tokens = self.tokens()
        self.assertEqual(tokens, sorted(tokens), "a token came behind a newer one: two commands ran at once")

    def shown(self, server):
        with Client(server.port) as client:
            return json.loads(client.ask("GET", "/v1/locks/l")[1])

    def await_waiting(self, server, count):
        deadline = time.monotonic() + PATIENCE_S
        while self.shown(server)["waiting"] != count:
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.005)

    @staticmethod
    def hold(server):
        """Acquires the lock `l` with a ticket, for longer than a test."""
        assert insist(server, "POST", "/v1/locks/l?id=held&lease=10m")[0] == 201

    def the_exit_status_is_the_commands(self):
        with Server() as server:
            self.assertEqual(self.run_with(server, "sh", "-c", "exit 7").wait(PATIENCE_S), 7)
            self.assertEqual(self.run_with(server, "sh", "-c", "kill -9 $$").wait(PATIENCE_S), 128 + 9)
            self.assertEqual(self.run_with(server, "/no/such/program").wait(PATIENCE_S), 127)
            out = self.run_with(server, "sh", "-c", "echo $HOLDFAST_LOCK $HOLDFAST_LOCK_TOKEN $HOLDFAST_LOCK_TICKET")
            lock, token, ticket = out.communicate(timeout=PATIENCE_S)[0].split()
            self.assertEqual(lock, "l")
            self.assertIn("/v1/locks/l/tickets/", ticket)
            self.assertGreater(int(token), 0)
            self.assertIsNone(self.shown(server)["holder"], "it is released")

    def who_does_not_get_it_in_time_gets_75(self):
        with Server() as server:
            self.append(server, 60)
            self.await_token()
            self.assertEqual(self.append(server, 1, ["--no-wait"]).wait(PATIENCE_S), 75)
            self.assertEqual(self.append(server, 1, ["--wait", "200ms"]).wait(PATIENCE_S), 75)
            self.assertEqual(self.shown(server)["waiting"], 0, "it has left the queue")

    def a_signal_leaves_the_queue_and_later_goes_to_the_command(self):
        with Server() as server:
            first = self.run_with(server, "sh", "-c", f"trap 'echo told; exit 9' TERM; echo 1 > {self.log}; while :; do sleep 0.01; done")
            self.await_token()
            second = self.append(server, 1)
            deadline = time.monotonic() + PATIENCE_S
            while self.shown(server)["waiting"] != 1:
                self.assertLess(time.monotonic(), deadline)
            second.send_signal(signal.SIGTERM)
            self.assertEqual(second.wait(PATIENCE_S), 128 + signal.SIGTERM)
            self.assertEqual(second.stderr.read(), "", "it reported the end of its own request as a lost connection")
            self.assertEqual(self.shown(server)["waiting"], 0)
            first.send_signal(signal.SIGTERM)
            self.assertEqual(first.wait(PATIENCE_S), 9)
            self.assertEqual(first.stdout.read(), "told\n")

    def it_is_held_beyond_its_lease(self):
        with Server() as server:
            first = self.append(server, 3 * LEASE_S)
            self.await_token()
            self.append(server, 0.1).wait(PATIENCE_S)
            self.assertEqual(first.wait(PATIENCE_S), 0)
            self.assertEqual(len(set(self.tokens())), 2)
            self.assert_never_two()

    def a_holder_that_is_killed_takes_its_command_with_it(self):
        with Server() as server:
            first = self.append(server, 60)
            self.await_token()
            first.kill()
            self.assertEqual(self.append(server, 0.2).wait(PATIENCE_S), 0)
            self.assert_never_two()

    def a_holder_that_is_stopped_loses_it_and_its_command_is_ended_all_the_same(self):
        with Server() as server:
            first = self.append(server, 60)
            self.await_token()
            first.send_signal(signal.SIGSTOP)
            self.assertEqual(self.append(server, 0.5).wait(PATIENCE_S), 0)
            first.send_signal(signal.SIGCONT)
            self.assertEqual(first.wait(PATIENCE_S), 74)
            self.assert_never_two()

    def a_released_ticket_ends_the_command(self):
        with Server() as server:
            first = self.append(server, 60)
            self.await_token()
            with Client(server.port) as client:
                client.ask("DELETE", "/v1/locks/l/tickets/" + self.shown(server)["holder"]["id"])
            self.assertEqual(first.wait(PATIENCE_S), 74)

    def a_server_that_is_gone_ends_the_command_before_its_lease_ends(self):
        with Server(data=self.scratch / "data") as server:
            first = self.append(server, 60)
            self.await_token()
            stopped = time.monotonic()
            server.process.send_signal(signal.SIGSTOP)
            self.assertEqual(first.wait(PATIENCE_S), 74)
            self.assertLess(time.monotonic() - stopped, 3 * LEASE_S)
            server.process.send_signal(signal.SIGCONT)
            self.assertEqual(self.append(server, 0.2).wait(PATIENCE_S), 0)
            self.assert_never_two()

    # The guard alone can tell the end of the command: with-lock waited for it forever, once the lock was lost.
    def a_guard_that_is_stopped_alone_ends_all_the_same(self):
        with Server() as server:
            first = self.append(server, 60)
            self.await_token()
            guard = int(pathlib.Path(f"/proc/{first.pid}/task/{first.pid}/children").read_text(encoding="ascii").split()[0])
            os.kill(guard, signal.SIGSTOP)
            time.sleep(1.5 * LEASE_S)
            self.assertIsNone(first.poll(), "it keeps the lock itself, and its command runs on")
            with Client(server.port) as client:
                client.ask("DELETE", "/v1/locks/l/tickets/" + self.shown(server)["holder"]["id"])
            self.assertEqual(first.wait(PATIENCE_S), 74)
            written = len(self.tokens())
            time.sleep(0.1)
            self.assertEqual(len(self.tokens()), written, "the command has ended")

    # The kernel ended the command alone. What the command had started ran on, and the lock was released at once.
    def a_guard_that_is_killed_leaves_nothing_of_the_command_behind(self):
        with Server() as server:
            first = self.run_with(server, "sh", "-c", '"$@" & wait', "sh", sys.executable, "-c", APPEND, str(self.log), "20")
            self.await_token()
            second = self.append(server, 0.5)
            self.await_waiting(server, 1)
            guard = int(pathlib.Path(f"/proc/{first.pid}/task/{first.pid}/children").read_text(encoding="ascii").split()[0])
            os.kill(guard, signal.SIGKILL)
            self.assertEqual(first.wait(PATIENCE_S), 74)
            self.assertEqual(second.wait(PATIENCE_S), 0)
            self.assertEqual(len(set(self.tokens())), 2)
            self.assert_never_two()

    def a_guard_that_is_killed_while_it_waits_ends_the_wait(self):
        with Server() as server:
            first = self.append(server, 60)
            self.await_token()
            second = self.run_with(server, "touch", str(self.log) + ".ran")
            self.await_waiting(server, 1)
            guard = int(pathlib.Path(f"/proc/{second.pid}/task/{second.pid}/children").read_text(encoding="ascii").split()[0])
            os.kill(guard, signal.SIGKILL)
            self.assertEqual(second.wait(PATIENCE_S), 1)
            self.assertIsNone(first.poll())
            self.await_waiting(server, 0)
            self.assertFalse(pathlib.Path(str(self.log) + ".ran").exists())

    def a_holder_that_is_starved_never_runs_beside_the_next(self):
        with Server() as server:
            first = self.append(server, 60)
            self.await_token()
            second = self.append(server, 0.2)
            end = time.monotonic() + 5 * LEASE_S
            while first.poll() is None and time.monotonic() < end:
                first.send_signal(signal.SIGSTOP)
                time.sleep(0.7 * LEASE_S)
                first.send_signal(signal.SIGCONT)
                time.sleep(0.002)
            if first.poll() is None:
                first.send_signal(signal.SIGTERM)
            first.wait(PATIENCE_S)
            self.assertEqual(second.wait(PATIENCE_S), 0)
            self.assert_never_two()

    def it_keeps_its_token_when_another_server_answers(self):
        with Server() as server, Door(server.port) as first_door, Door(server.port) as second_door:
            one = subprocess.Popen([CLIENT, "--server", f"127.0.0.1:{first_door.port},127.0.0.1:{second_door.port}", "with-lock",
                                    f"--lease={3 * LEASE_S}s", "l", "--", sys.executable, "-c", APPEND, str(self.log),
                                    str(6 * LEASE_S)], stderr=subprocess.PIPE)
            self.started.append(one)
            self.await_token()
            held = self.shown(server)["holder"]
            first_door.shut()
            time.sleep(4 * LEASE_S)
            self.assertEqual(self.shown(server)["holder"], held, "the same ticket, the same token")
            self.assertEqual(one.wait(PATIENCE_S), 0)
            self.assertEqual(set(self.tokens()), {held["token"]})

    def who_waits_keeps_its_place_when_another_server_answers(self):
        with Server() as server, Door(server.port) as first_door, Door(server.port) as second_door:
            self.append(server, 4 * LEASE_S)
            self.await_token()
            one = subprocess.Popen([CLIENT, "--server", f"127.0.0.1:{first_door.port}", "--server", f"127.0.0.1:{second_door.port}",
                                    "with-lock", f"--lease={LEASE_S}s", "l", "--", "true"], stderr=subprocess.PIPE)
            self.started.append(one)
            deadline = time.monotonic() + PATIENCE_S
            while not (queue := self.shown(server)["queue"]):
                self.assertLess(time.monotonic(), deadline)
            first_door.shut()
            time.sleep(2 * LEASE_S)
            self.assertEqual([ticket["id"] for ticket in self.shown(server)["queue"]], [queue[0]["id"]])
            self.assertEqual(one.wait(PATIENCE_S), 0)

    # Whoever waited gave up if the server ended before it had answered the first poll, and left its ticket behind: the
    # lock went to that for a whole lease.
    def who_waits_goes_on_when_its_server_is_killed_and_started_again(self):
        with Server(data=self.scratch / "data") as server:
            self.hold(server)
            waiting = self.run_with(server, "true", lease_s=60)
            self.await_waiting(server, 1)
            server.kill()
            server.start()
            self.assertEqual(insist(server, "DELETE", "/v1/locks/l/tickets/held")[0], 204)
            self.assertEqual(waiting.wait(PATIENCE_S), 0, waiting.stderr.read())
            self.assertIsNone(self.shown(server)["holder"], "nothing is left behind")

    def who_waits_goes_on_when_the_leader_of_its_cluster_is_killed(self):
        if not os.access(etcd_process.PROGRAM, os.X_OK):
            self.skipTest("etcd is not installed")
        with Cluster() as cluster:
            leader, standbys = cluster.settle()
            self.hold(leader)
            all_servers = [leader, *standbys]
            write = ("sh", "-c", f"echo $HOLDFAST_LOCK_TOKEN >> {self.log}")
            waiting = [self.run_with(all_servers[at:] + all_servers[:at], *write, lease_s=60) for at in range(3)]
            self.await_waiting(leader, 3)
            leader.kill()
            # This one is asked while nobody leads.
            waiting.append(self.run_with(standbys, *write, lease_s=60))
            cluster.settle(standbys)
            self.assertIn(insist(standbys[0], "DELETE", "/v1/locks/l/tickets/held")[0], (204, 410))
            for one in waiting:
                self.assertEqual(one.wait(PATIENCE_S), 0, one.stderr.read())
            self.assertEqual(len(set(self.tokens())), len(self.tokens()))
            self.assertEqual(len(self.tokens()), 4, "each ran once")
            self.assertIsNone(json.loads(insist(standbys[0], "GET", "/v1/locks/l")[1])["holder"], "nothing is left behind")

    # A poll waited for its answer for 35 s whatever the lease, so the lock was granted and nobody ran.
    def who_waits_at_a_silent_server_asks_the_next_within_its_lease(self):
        lease_s = 4
        with Server() as server, Door(server.port) as silent, Door(server.port) as other:
            self.hold(server)
            waiting = self.run_with([silent, other], "true", lease_s=lease_s)
            self.await_waiting(server, 1)
            silent.is_silent = True
            self.assertEqual(insist(server, "DELETE", "/v1/locks/l/tickets/held")[0], 204)
            released_at = time.monotonic()
            self.assertEqual(waiting.wait(PATIENCE_S), 0, waiting.stderr.read())
            self.assertLess(time.monotonic() - released_at, lease_s + 1)

    def whoever_is_stopped_or_killed_never_two_run(self):
        seed = int(os.environ.get("HOLDFAST_SEED", random.randrange(1 << 32)))
        dice = random.Random(seed)
        with self.subTest(f"HOLDFAST_SEED={seed}"), Server() as server:
            running = [self.append(server, dice.uniform(0.05, 2)) for _ in range(6)]
            end = time.monotonic() + float(os.environ.get("HOLDFAST_SECONDS", 8))
            stopped = []
            while time.monotonic() < end:
                time.sleep(dice.uniform(0.05, 0.4))
                victim = dice.choice(running)
                what = dice.choice(("kill", "stop", "server", "go on", "go on"))
                if what == "kill":
                    victim.kill()
                elif what == "stop":
                    victim.send_signal(signal.SIGSTOP)
                    stopped.append(victim)
                elif what == "server":
                    server.process.send_signal(signal.SIGSTOP)
                    time.sleep(dice.uniform(0, 1.5 * LEASE_S))
                    server.process.send_signal(signal.SIGCONT)
                elif stopped:
                    stopped.pop(0).send_signal(signal.SIGCONT)
                running = [one for one in running if one.poll() is None]
                while len(running) < 6:
                    running.append(self.append(server, dice.uniform(0.05, 2)))
            self.assert_never_two()
            self.assertGreater(len(set(self.tokens())), 2)


if __name__ == "__main__":
    server_process.SERVER, CLIENT = sys.argv[1], sys.argv[2]
    names = sys.argv[3:] or [name for name, what in vars(with_lock).items() if callable(what) and "_" in name and not name.startswith(
        ("set", "tear", "run_", "await_", "assert_", "_"))]
    suite = unittest.TestSuite(with_lock(name) for name in names)
    sys.exit(not unittest.TextTestRunner(verbosity=2).run(suite).wasSuccessful())
