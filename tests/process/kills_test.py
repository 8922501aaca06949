"""Of each claim of kills.py: that a server, or a client of its own, for which it is not so makes it fail. Without a server.

kills_test.py: exits 1 when one fails.
"""

import contextlib
import json
import threading
import time
import types
import unittest
import unittest.mock

import kills
from kills import Expiry, Kills, State


class Entry:
    def __init__(self, value, revision, expires_at=None):
        self.value, self.revision, self.expires_at = value, revision, expires_at


class Answers:
    """A connection to a server that has these entries, whatever was written."""

    def __init__(self, entries, revision=100):
        self.entries, self.revision, self.fields, self.hidden = entries, revision, {}, ()

    def ask(self, method, path, _body=b"", **_fields):
        self.fields = {"holdfast-revision": str(self.revision)}
        if method == "PUT":
            return 204, b""
        if path.startswith("/v1/kv?"):
            entries = [{"key": key, "revision": one.revision} for key, one in self.entries.items() if key not in self.hidden]
            return 200, json.dumps({"revision": self.revision, "entries": entries}).encode()
        key = path.removeprefix("/v1/kv/")
        found = Entry(b"1", 1) if key == "first" else self.entries.get(key)
        if found is None:
            return 404, b""
        self.fields = {"etag": f'"a-{found.revision}"'}
        if found.expires_at:
            self.fields["holdfast-ttl"] = str(max(0, found.expires_at - time.time()))
        return 200, found.value


class Ended(contextlib.AbstractContextManager):
    """A server that has ended by itself, before the kill or at the same time."""

    port = 1

    def __init__(self, *_, seen_running, returncode, **__):
        self.seen_running, self.process = seen_running, types.SimpleNamespace(returncode=returncode)

    def __exit__(self, *_):
        pass

    def runs(self):
        return self.seen_running

    def kill(self):
        pass

    def log(self):
        return ""


class after_a_start(unittest.TestCase):
    def setUp(self):
        Kills.database = None
        self.kills = Kills(None, 1, 1, 0.0)
        self.writer = self.kills.writers[0]
        self.writer.known = {"w0/1": State(b"5", 10), "w0/2": State(revision=12)}
        self.writer.revision = 12
        self.entries = {"w0/1": Entry(b"5", 10)}

    def check(self, entries, **answers):
        self.kills.check(Answers(entries, **answers))

    def fails(self, what, entries, **answers):
        with self.assertRaisesRegex(AssertionError, what):
            self.check(entries, **answers)

    def shows_the_reader(self, key, *entries):
        self.kills.reader.look(Answers({key: entry for entry in entries}, revision=17), key)

    def what_was_acknowledged_is_all_that_is_asked_for(self):
        self.check(self.entries)

    def what_was_acknowledged_is_there(self):
        self.fails("w0/1 must be", {})

    def what_was_deleted_is_not(self):
        self.fails("w0/2 must be", {**self.entries, "w0/2": Entry(b"6", 11)})

    def the_revision_does_not_go_back(self):
        self.fails("the revision is 11; 12 was told", self.entries, revision=11)

    def a_creation_that_a_reader_was_shown_is_there(self):
        self.writer.possible = {"w0/3": State(b"7", kills.UNKNOWN)}
        self.check(self.entries)
        self.writer.possible = {"w0/3": State(b"7", kills.UNKNOWN)}
        self.shows_the_reader("w0/3", Entry(b"7", 17))
        self.fails("w0/3 must be", self.entries)

    def a_deletion_that_a_reader_was_shown_is_not_undone(self):
        self.writer.possible = {"w0/1": State(revision=kills.UNKNOWN)}
        self.check(self.entries)
        self.writer.possible = {"w0/1": State(revision=kills.UNKNOWN)}
        self.shows_the_reader("w0/1")
        self.fails("w0/1 must be", self.entries)

    def a_time_to_live_that_a_reader_was_shown_is_kept(self):
        expiry = Expiry(3600)
        expiry.is_set()
        self.writer.possible = {"w0/1": State(b"5", 10, expiry)}
        self.shows_the_reader("w0/1", Entry(b"5", 10, expiry.latest))
        self.fails("w0/1 must be", self.entries)

    def a_share_that_a_reader_was_shown_is_there_before_it_is_sent_again(self):
        self.shows_the_reader("shared", Entry(b"1", 17))
        self.fails("the shared number is 404", self.entries)

    def a_reader_that_was_shown_a_later_value_than_all_later_ones_says_so(self):
        self.shows_the_reader("w0/1", Entry(b"9", 15))
        with self.assertRaisesRegex(AssertionError, "was 200 b'9'"):
            self.shows_the_reader("w0/1", Entry(b"5", 10))

    def nobody_is_shown_what_nobody_wrote(self):
        self.shows_the_reader("w0/4", Entry(b"8", 16))
        self.fails("w0/4 was .*, or None; a reader was shown", self.entries)

    def nothing_is_listed_that_nobody_wrote(self):
        for key in ("w0/9", "another", "w7/1"):
            self.fails("the list has .*it must be None", {**self.entries, key: Entry(b"8", 16)})

    def what_is_there_is_listed(self):
        answers = Answers(self.entries)
        answers.hidden = ("w0/1",)
        with self.assertRaisesRegex(AssertionError, "the list has no w0/1"):
            self.kills.check(answers)

    def what_has_expired_is_gone(self):
        expiry = Expiry(-0.5)
        expiry.is_set()
        self.writer.known["w0/brief"] = State(b"1", 9, expiry)
        self.check(self.entries)
        self.writer.known["w0/brief"] = State(b"1", 9, expiry)
        self.fails("w0/brief must be", {**self.entries, "w0/brief": Entry(b"1", 9, time.time())})

    def what_has_expired_is_not_listed(self):
        expiry = Expiry(-0.5)
        expiry.is_set()
        self.writer.known["w0/brief"] = State(b"1", 9, expiry)
        with self.assertRaisesRegex(AssertionError, "the list has .*brief"):
            self.kills.check_list(Answers({**self.entries, "w0/brief": Entry(b"1", 9)}))

    def a_time_to_live_does_not_begin_again(self):
        expiry = Expiry(3599.5)  # of an hour, half a second ago
        expiry.is_set()
        self.writer.known["w0/1"] = State(b"5", 10, expiry)
        self.check({"w0/1": Entry(b"5", 10, expiry.latest)})
        self.fails("w0/1 must be", {"w0/1": Entry(b"5", 10, time.time() + 3600)})


class during_the_load(unittest.TestCase):
    def ends(self, loader, error, is_killed):
        """Lets one client run until its connection raises this."""
        loader.wrong, killed = None, threading.Event()
        if is_killed:
            killed.set()
        answers = contextlib.nullcontext(types.SimpleNamespace(ask=unittest.mock.Mock(side_effect=error)))
        with unittest.mock.patch.object(kills, "Client", return_value=answers):
            loader.run(1, killed)
        return loader.wrong

    def whatever_ends_a_client_before_the_kill_is_wrong(self):
        load = Kills(None, 1, 1, 0.0)
        for loader in (*load.writers, load.reader):
            for error in (EOFError(), ConnectionResetError()):
                self.assertIsNone(self.ends(loader, error, is_killed=True))
                self.assertIn("closed before it was killed", self.ends(loader, error, is_killed=False))
            self.assertIn("no header", self.ends(loader, AssertionError("no header"), is_killed=True))
            self.assertIn("KeyError", self.ends(loader, KeyError("etag"), is_killed=True))

    def a_round_fails_by_what_a_client_says(self):
        load, running = Kills(None, 1, 1, 0.0), {"seen_running": True, "returncode": -9}
        with self.rounds_with(running):
            load.round()
            load.reader.run = lambda *_: setattr(load.reader, "wrong", "it went back")
            with self.assertRaisesRegex(AssertionError, "it went back"):
                load.round()

    def a_server_that_ends_by_itself_fails(self):
        for seen_running, returncode in ((False, -11), (False, 0), (True, -11), (True, 74)):
            with self.subTest(seen_running=seen_running, returncode=returncode):
                with self.rounds_with({"seen_running": seen_running, "returncode": returncode}):
                    with self.assertRaisesRegex(AssertionError, f"ended by itself with {returncode}"):
                        Kills(None, 1, 1, 0.0).round()

    @staticmethod
    @contextlib.contextmanager
    def rounds_with(how):
        """Rounds with a server that ends so, and with clients that do nothing."""
        with unittest.mock.patch.object(kills, "Server", lambda *_, **__: Ended(**how)), \
                unittest.mock.patch.object(kills, "Client", return_value=contextlib.nullcontext()), \
                unittest.mock.patch.object(kills.Loader, "run", lambda *_: None), \
                unittest.mock.patch.object(Kills, "check", lambda *_: None):
            yield

    def a_load_that_does_nothing_proves_nothing(self):
        load = Kills(None, 1, 1, 0.0)
        load.writers[0].acknowledged = load.reader.views = 21
        self.assertIsNone(load.too_little(20))
        load.reader.views = 20
        self.assertIn("20 values read", load.too_little(20))
        load.writers[0].acknowledged, load.reader.views = 0, 21
        self.assertIn("only 0 changes", load.too_little(20))

    def a_program_with_such_a_load_fails(self):
        arguments = ["kills.py", "server", "--kills", "2", "--load", "0"]
        with self.rounds_with({"seen_running": True, "returncode": -9}), \
                unittest.mock.patch("sys.argv", arguments), self.assertRaisesRegex(SystemExit, "only 0 changes"):
            kills.main()


def main():
    suite = unittest.TestSuite()
    for kind in (after_a_start, during_the_load):
        helpers = ("setUp", "check", "fails", "shows_the_reader", "ends", "rounds_with")
        suite.addTests(kind(name) for name in vars(kind) if not name.startswith("_") and name not in helpers)
    raise SystemExit(not unittest.TextTestRunner(verbosity=2).run(suite).wasSuccessful())


if __name__ == "__main__":
    main()
