"""kill -9 in the middle of a load, again and again, on one data directory. After each start: whatever was acknowledged is
there, whatever was shown to a reader is there, nothing is there that nobody wrote, revisions never go back, a
transaction is there entirely or not at all, a request that is sent again with its Idempotency-Key is done once. The server
ends by the kills alone, and answers until then.

kills.py SERVER [--kills N] [--seed N] [--clients N] [--load SECONDS]: exits 1 and names the seed when that is not so.
kills_test.py shows of each of these claims that it can fail.
"""

import argparse
import json
import math
import pathlib
import random
import signal
import sys
import tempfile
import threading
import time
import traceback
import urllib.parse
import uuid

import server_process
from server_process import Client, Server

HOUR_S = 3600
CLOCKS_S = 0.1  # what the server's clock and ours may differ by
UNKNOWN = object()  # a revision that no answer has told


class View:
    """What an answer to GET showed of a key, and when."""

    def __init__(self, client, key):
        self.asked = time.time()
        self.status, self.content = client.ask("GET", f"/v1/kv/{key}")
        self.answered = time.time()
        if self.status not in (200, 404):
            raise AssertionError(f"GET {key} was answered {self.status}: {self.content[:300]!r}")
        is_there, fields = self.status == 200, client.fields
        # Of an absent key, it is a revision at which it was absent.
        self.revision = revision_of(fields["etag"]) if is_there else int(fields["holdfast-revision"])
        self.ttl = float(fields["holdfast-ttl"]) if "holdfast-ttl" in fields else None

    def number(self):
        return int(self.content) if self.status == 200 else 0

    def __repr__(self):
        return f"{self.status} {brief(self.content)} at revision {self.revision}, time to live {self.ttl}"


class Expiry:
    """The bounds of an instant that the server is about to choose."""

    def __init__(self, ttl):
        self.ttl, self.earliest, self.latest = ttl, time.time() + ttl, math.inf

    def __repr__(self):
        return f"between {self.earliest:.3f} and {self.latest:.3f}"

    def is_set(self):
        """The server has chosen it by now, if ever."""
        self.latest = min(self.latest, time.time() + self.ttl)


class State:
    """What stands under a key: nothing where `value` is None."""

    def __init__(self, value=None, revision=0, expires=None, since=0.0):
        self.value, self.revision = value, revision
        self.expires = expires
        self.since = since  # it was acknowledged by then

    def __repr__(self):
        return f"{brief(self.value)} at revision {self.revision}, expires {self.expires}"

    def is_set(self):
        if self.expires:
            self.expires.is_set()

    def may_be_gone_at(self, now):
        return self.value is None or (self.expires is not None and now >= self.expires.earliest - CLOCKS_S)

    def may_be_there_at(self, now):
        return self.value is not None and (self.expires is None or now <= self.expires.latest + CLOCKS_S)

    def is_shown_by(self, view):
        if view.status == 404:
            return self.may_be_gone_at(view.answered)
        if view.content != self.value or self.revision not in (UNKNOWN, view.revision):
            return False
        if self.expires is None or view.ttl is None:
            return self.expires is None and view.ttl is None
        return (view.asked + view.ttl <= self.expires.latest + CLOCKS_S and
                view.answered + view.ttl >= self.expires.earliest - CLOCKS_S)


def brief(value):
    return repr(value) if value is None or len(value) < 60 else f"{value[:40]}… of {len(value)} bytes"


def revision_of(tag):
    return int(tag.strip('"').split("-")[1])


def database_of(tag):
    return tag.strip('"').split("-")[0]


class Loader:
    """Makes requests without pause until the server is killed. Whatever else ends it is wrong."""

    name, wrong = None, None

    def run(self, port, is_killed):
        try:
            with Client(port) as client:
                while True:
                    self.work(client)
        except (OSError, EOFError) as error:
            if not is_killed.is_set():
                self.wrong = f"{self.name}: the server closed before it was killed: {error!r}"
        except Exception as error:  # a thread's exception would be seen by nobody
            self.wrong = f"{self.name}: {error!r}"


class Writer(Loader):
    """A client with keys of its own, of which it knows what they must be: `known`, or what the request has made of them that
    was under way at the kill, `possible`."""

    def __init__(self, number, seed):
        self.name, self.dice = f"w{number}", random.Random(f"{seed} {number}")
        self.known, self.possible = {}, {}
        self.count = 0  # its share of the shared number
        self.share_key = None  # of a share that may have been added; see share()
        self.revision = 0  # the highest that it has been told
        self.acknowledged = 0

    def key(self, name):
        return f"{self.name}/{name}"

    def value(self):
        length = self.dice.choice((3, 30, 300, 3000, 30_000 if self.dice.random() < 0.2 else 30))
        return b'"' + self.dice.randbytes(length // 2).hex().encode() + b'"'

    def run(self, port, is_killed):
        super().run(port, is_killed)
        for state in self.possible.values():
            state.is_set()

    def work(self, client):
        self.request(client)
        self.possible = {}
        self.acknowledged += 1

    def request(self, client):
        what = self.dice.choices((self.put, self.put_brief, self.delete, self.increment, self.touch, self.transaction,
                                  self.conditional, self.share), (30, 5, 10, 10, 10, 15, 10, 10))[0]
        what(client)

    def ask(self, client, expected, method, path, body=b"", possible=None, **fields):
        """Asks for a change that makes `possible` of some keys. @return the answer's content."""
        self.possible = possible or {}
        status, content = client.ask(method, path, body, **fields)
        if status not in expected:
            raise AssertionError(f"{method} {path} was answered {status}: {content[:300]!r}")
        told = int(client.fields.get("holdfast-revision", 0))
        if "etag" in client.fields:
            told = revision_of(client.fields["etag"])
        self.revision = max(self.revision, told)
        for state in self.possible.values():
            state.is_set()
            state.since = time.time()
            if state.revision is UNKNOWN:
                state.revision = told
        self.known.update(self.possible)
        return content

    def state(self, name):
        return self.known.get(self.key(name), State())

    def put(self, client):
        name, value, ttl = self.dice.randrange(20), self.value(), self.dice.choice(("", "?ttl=1h", "?ttl=keep"))
        before = self.state(name)
        expires = {"": None, "?ttl=1h": Expiry(HOUR_S), "?ttl=keep": before.expires}[ttl]
        self.ask(client, (201, 204), "PUT", f"/v1/kv/{self.key(name)}{ttl}", value,
                 {self.key(name): State(value, UNKNOWN, expires)})

    def put_brief(self, client):
        """Of a key that is not used for anything else: it is gone soon."""
        value = self.value()
        self.ask(client, (201, 204), "PUT", f"/v1/kv/{self.key('brief')}?ttl=200ms", value,
                 {self.key("brief"): State(value, UNKNOWN, Expiry(0.2))})

    def delete(self, client):
        name = self.dice.randrange(20)
        there = self.state(name).value is not None
        self.ask(client, (204,) if there else (404,), "DELETE", f"/v1/kv/{self.key(name)}",
                 possible={self.key(name): State(revision=UNKNOWN)})

    def increment(self, client):
        before = self.state("count")
        value = str(int(before.value or 0) + 1).encode()
        told = self.ask(client, (200, 201), "POST", f"/v1/kv/{self.key('count')}?increment=1",
                        possible={self.key("count"): State(value, UNKNOWN)})
        if told.strip() != value:
            raise AssertionError(f"an increment of {before} made {told}")

    def share(self, client):
        """Adds one to a number that all writers share; sends it again at times, as after a lost answer."""
        self.share_key = self.share_key or str(uuid.UUID(int=self.dice.getrandbits(128)))
        told = self.ask(client, (200, 201), "POST", "/v1/kv/shared?increment=1", Idempotency_Key=self.share_key)
        if self.dice.random() < 0.1:
            again = self.ask(client, (200, 201), "POST", "/v1/kv/shared?increment=1", Idempotency_Key=self.share_key)
            if again != told or client.fields.get("idempotent-replayed") != "true":
                raise AssertionError(f"the same request was answered {told} and then {again} {client.fields}")
        self.count, self.share_key = self.count + 1, None

    def touch(self, client):
        name = self.dice.randrange(20)
        before = self.state(name)
        ttl, expires = self.dice.choice((("1h", Expiry(HOUR_S)), ("none", None)))
        after = State(before.value, before.revision, expires) if before.value is not None else State(revision=UNKNOWN)
        self.ask(client, (204,) if before.value is not None else (404,), "POST", f"/v1/kv/{self.key(name)}?ttl={ttl}",
                 possible={self.key(name): after})

    def transaction(self, client):
        value = self.value()
        steps = [{"put": self.key(side), "value": json.loads(value)} for side in ("left", "right")]
        after = {self.key(side): State(value, UNKNOWN) for side in ("left", "right")}
        told = self.ask(client, (200,), "POST", "/v1/txn", json.dumps({"operations": steps}).encode(), after,
                        Content_Type="application/json")
        for state, result in zip(after.values(), json.loads(told)["results"]):
            state.revision = result["revision"]

    def conditional(self, client):
        """A tag that was told before a kill is good after it."""
        name, value = self.dice.randrange(20), self.value()
        before = self.state(name)
        if before.value is None:
            return self.put(client)
        status, _ = client.ask("GET", f"/v1/kv/{self.key(name)}", If_None_Match=f'"{Kills.database}-{before.revision}"')
        if status != 304:
            raise AssertionError(f"{self.key(name)} is {before}, and a GET with that tag was answered {status}")
        self.ask(client, (204,), "PUT", f"/v1/kv/{self.key(name)}", value, {self.key(name): State(value, UNKNOWN)},
                 If_Match=f'"{Kills.database}-{before.revision}"')
        return None

    def check(self, client, seen):
        """After a start. @param seen what a reader was last shown of each key"""
        if self.share_key:  # nobody knows whether it was done: that is what the key is for
            self.share(client)
        for key in {*self.known, *self.possible, *(key for key in seen if key.startswith(self.key("")))}:
            known, possible, shown = self.known.get(key, State()), self.possible.get(key), seen.get(key)
            view = View(client, key)
            is_known = known.is_shown_by(view)
            # What a reader was shown after `known` was acknowledged is that, or the result of the last request.
            if shown and not known.is_shown_by(shown) and (shown.asked > known.since or shown.revision > known.revision):
                if not (possible and possible.is_shown_by(shown)):
                    raise AssertionError(f"{key} was {known}, or {possible}; a reader was shown {shown}")
                is_known = False
            if not is_known and not (possible and possible.is_shown_by(view)):
                raise AssertionError(f"{key} must be {known}, or {possible}; it is {view}, and a reader was shown {shown}")
            now = known if is_known else possible
            self.known[key] = State(view.content if view.status == 200 else None, view.revision,
                                    now.expires if view.status == 200 else None, view.answered)
        sides = [self.known.get(self.key(side), State()).value for side in ("left", "right")]
        if sides[0] != sides[1]:
            raise AssertionError(f"half a transaction: {self.name} has {sides}")
        self.possible = {}


class Reader(Loader):
    """Remembers what it was last shown of the others' keys."""

    name = "reader"

    def __init__(self, seed, writers):
        self.dice, self.seen, self.views = random.Random(f"{seed} reader"), {}, 0
        self.names = [writer.key(name) for writer in writers for name in (*range(20), "count", "left", "right")]
        self.names.append("shared")

    def work(self, client):
        self.look(client, self.dice.choice(self.names))

    def look(self, client, key):
        view, before = View(client, key), self.seen.get(key)
        if before and (view.revision < before.revision or
                       (view.revision == before.revision and view.status != before.status)):
            raise AssertionError(f"{key} was {before} and then {view}")
        self.seen[key] = view
        self.views += 1

    def highest(self):
        return max((view.revision for view in self.seen.values()), default=0)


def listed(client):
    """All entries as the pages of the list have them, by key. @return and when the first page was asked for"""
    asked, entries, after = time.time(), {}, ""
    while after is not None:
        status, content = client.ask("GET", f"/v1/kv?limit=100{'&after=' + urllib.parse.quote(after) if after else ''}")
        if status != 200:
            raise AssertionError(f"the list was answered {status}: {content[:300]!r}")
        page = json.loads(content)
        entries.update((one["key"], one) for one in page["entries"])
        after = page.get("next")
    return entries, asked


class Kills:
    database = None  # the id in every tag

    def __init__(self, directory, seed, clients, load_s):
        self.directory, self.dice, self.load_s = directory, random.Random(seed), load_s
        self.writers = [Writer(number, seed) for number in range(clients)]
        self.reader = Reader(seed, self.writers)

    @staticmethod
    def kill(server):
        if not server.runs():
            raise AssertionError(f"the server ended by itself with {server.process.returncode}: {server.log()[-2000:]}")
        server.kill()
        if server.process.returncode != -signal.SIGKILL:
            raise AssertionError(f"the server ended by itself with {server.process.returncode}: {server.log()[-2000:]}")

    def round(self):
        if self.dice.random() < 0.1:  # in the middle of the start
            server = Server(data=self.directory)
            time.sleep(self.dice.uniform(0, 0.05))
            self.kill(server)
        with Server("--threads", "2", data=self.directory) as server:
            with Client(server.port) as client:
                self.check(client)
            is_killed, loaders = threading.Event(), (*self.writers, self.reader)
            threads = [threading.Thread(target=one.run, args=(server.port, is_killed)) for one in loaders]
            for thread in threads:
                thread.start()
            try:
                time.sleep(self.dice.uniform(0, self.load_s))
                is_killed.set()
                self.kill(server)
            finally:
                server.kill()
                for thread in threads:
                    thread.join()
        for one in loaders:
            if one.wrong:
                raise AssertionError(one.wrong)

    def check(self, client):
        status, content = client.ask("GET", "/v1/kv?limit=1")
        assert status == 200, content
        revision, told = json.loads(content)["revision"], max(self.reader.highest(), *(one.revision for one in self.writers))
        if revision < told:
            raise AssertionError(f"the revision is {revision}; {told} was told before")
        # Before a writer sends a request again, which would hide that it was shown, and lost.
        shared, shown = View(client, "shared"), self.reader.seen.get("shared")
        if shown and shared.number() < shown.number():
            raise AssertionError(f"the shared number is {shared}; a reader was shown {shown}")
        client.ask("PUT", "/v1/kv/first", b"1")
        client.ask("GET", "/v1/kv/first")
        database = database_of(client.fields["etag"])
        if Kills.database not in (None, database):
            raise AssertionError(f"the database is {database} and was {Kills.database}")
        Kills.database = database
        for writer in self.writers:
            writer.check(client, self.reader.seen)
        self.reader.seen = {}
        self.check_shared(client)
        self.check_list(client)

    def check_shared(self, client):
        number = View(client, "shared").number()
        if number != sum(writer.count for writer in self.writers):
            raise AssertionError(f"the shared number is {number}; {[writer.count for writer in self.writers]} were added")

    def check_list(self, client):
        """Nothing is there that nobody wrote, and what is there is listed."""
        there, asked = listed(client)
        answered = time.time()
        known = {key: state for writer in self.writers for key, state in writer.known.items()}
        for key in there.keys() - {"first", "shared"}:
            state = known.get(key, State())
            if not state.may_be_there_at(asked) or there[key]["revision"] != state.revision:
                raise AssertionError(f"the list has {there[key]}; it must be {state}")
        for key, state in known.items():
            if key not in there and not state.may_be_gone_at(answered):
                raise AssertionError(f"the list has no {key}, which is {state}")

    def acknowledged(self):
        return sum(writer.acknowledged for writer in self.writers)

    def too_little(self, kills):
        """Why this number of kills proves nothing; None if it does."""
        if min(self.acknowledged(), self.reader.views) > kills:
            return None
        return f"only {self.acknowledged()} changes were acknowledged and {self.reader.views} values read"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("server")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--load", type=float, default=0.3, help="seconds before a kill, at most")
    given = parser.parse_args()
    server_process.SERVER = given.server
    with tempfile.TemporaryDirectory(prefix="holdfast-kills-") as scratch:
        kills = Kills(pathlib.Path(scratch) / "data", given.seed, given.clients, given.load)
        began = time.monotonic()
        number = 0
        try:
            for number in range(given.kills):
                kills.round()
                if (number + 1) % 100 == 0:
                    print(f"{number + 1} kills", flush=True)
            with Server(data=kills.directory) as server, Client(server.port) as client:
                kills.check(client)
        except Exception as wrong:
            if not isinstance(wrong, AssertionError):
                traceback.print_exc()
            sys.exit(f"after {number + 1} kills with --seed {given.seed}: {wrong}")
    if wrong := kills.too_little(given.kills):
        sys.exit(f"with --seed {given.seed}: {wrong}")
    print(f"{given.kills} kills, {kills.acknowledged()} acknowledged changes, 0 lost, {kills.reader.views} values read, in "
          f"{time.monotonic() - began:.0f} s (--seed {given.seed})")


if __name__ == "__main__":
    main()
