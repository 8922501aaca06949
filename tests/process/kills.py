"""kill -9 in the middle of a load, again and again, on one data directory. After each start: whatever was acknowledged is
there, whatever was shown to a reader is there, nothing is there that nobody wrote, revisions never go back, a
transaction is there entirely or not at all, a request that is sent again with its Idempotency-Key is done once.

kills.py SERVER [--kills N] [--seed N] [--clients N] [--load SECONDS]: exits 1 and names the seed when that is not so.
"""

import argparse
import contextlib
import json
import pathlib
import random
import sys
import tempfile
import threading
import time
import uuid

import server_process
from server_process import Client, Server

HOUR_S = 3600
UNKNOWN = object()  # a revision that no answer has told


class State:
    """What stands under a key: nothing where `value` is None."""

    def __init__(self, value=None, revision=None, expires_at=None):
        self.value, self.revision, self.expires_at = value, revision, expires_at

    def __repr__(self):
        value = self.value if self.value is None or len(self.value) < 60 else f"{self.value[:40]}… of {len(self.value)} bytes"
        return f"{value!r} at revision {self.revision}, expires at {self.expires_at}"

    def is_shown_by(self, status, content, fields):
        """Whether an answer to GET shows this state, now."""
        if self.value is not None and self.expires_at is not None:
            left = self.expires_at - time.time()
            if status == 404:
                return left < 1
            told = fields.get("holdfast-ttl")
            if told is None or abs(float(told) - left) > 2:
                return False
        elif self.value is None:
            return status == 404
        elif "holdfast-ttl" in fields:
            return False
        return status == 200 and content == self.value and self.revision in (UNKNOWN, None, revision_of(fields["etag"]))


def revision_of(tag):
    return int(tag.strip('"').split("-")[1])


def database_of(tag):
    return tag.strip('"').split("-")[0]


class Writer:
    """A client with keys of its own, of which it knows what they must be: `known`, or what the request has made of them that
    was under way at the kill, `possible`."""

    def __init__(self, number, seed):
        self.name, self.dice = f"w{number}", random.Random(f"{seed} {number}")
        self.known, self.possible = {}, {}
        self.count = 0  # its share of the shared number
        self.share_key = None  # of a share that may have been added; see share()
        self.revision = 0  # the highest that it has been told
        self.acknowledged = 0
        self.wrong = None

    def key(self, name):
        return f"{self.name}/{name}"

    def value(self):
        length = self.dice.choice((3, 30, 300, 3000, 30_000 if self.dice.random() < 0.2 else 30))
        return b'"' + self.dice.randbytes(length // 2).hex().encode() + b'"'

    def run(self, port):
        with contextlib.suppress(OSError, EOFError), Client(port) as client:
            while True:
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
            self.wrong = f"{method} {path} was answered {status}: {content[:300]!r}"
            raise EOFError
        if "holdfast-revision" in client.fields:
            self.revision = max(self.revision, int(client.fields["holdfast-revision"]))
        for state in self.possible.values():
            if state.revision is UNKNOWN:
                state.revision = revision_of(client.fields["etag"]) if "etag" in client.fields else UNKNOWN
                if state.revision is not UNKNOWN:
                    self.revision = max(self.revision, state.revision)
        self.known.update(self.possible)
        return content

    def state(self, name):
        return self.known.get(self.key(name), State())

    def put(self, client):
        name, value, ttl = self.dice.randrange(20), self.value(), self.dice.choice(("", "?ttl=1h", "?ttl=keep"))
        before = self.state(name)
        expires = {"": None, "?ttl=1h": time.time() + HOUR_S,
                   "?ttl=keep": before.expires_at if before.value is not None else None}[ttl]
        self.ask(client, (201, 204), "PUT", f"/v1/kv/{self.key(name)}{ttl}", value,
                 {self.key(name): State(value, UNKNOWN, expires)})

    def put_brief(self, client):
        """Of a key that is not used for anything else: it is gone soon."""
        value = self.value()
        self.ask(client, (201, 204), "PUT", f"/v1/kv/{self.key('brief')}?ttl=200ms", value,
                 {self.key("brief"): State(value, UNKNOWN, time.time() + 0.2)})

    def delete(self, client):
        name = self.dice.randrange(20)
        there = self.state(name).value is not None
        self.ask(client, (204,) if there else (404,), "DELETE", f"/v1/kv/{self.key(name)}",
                 possible={self.key(name): State()})

    def increment(self, client):
        before = self.state("count")
        value = str(int(before.value or 0) + 1).encode()
        told = self.ask(client, (200, 201), "POST", f"/v1/kv/{self.key('count')}?increment=1",
                        possible={self.key("count"): State(value, UNKNOWN)})
        if told.strip() != value:
            self.wrong = f"an increment of {before} made {told}"
            raise EOFError

    def share(self, client):
        """Adds one to a number that all writers share; sends it again at times, as after a lost answer."""
        self.share_key = self.share_key or str(uuid.UUID(int=self.dice.getrandbits(128)))
        told = self.ask(client, (200, 201), "POST", "/v1/kv/shared?increment=1", Idempotency_Key=self.share_key)
        if self.dice.random() < 0.1:
            again = self.ask(client, (200, 201), "POST", "/v1/kv/shared?increment=1", Idempotency_Key=self.share_key)
            if again != told or client.fields.get("idempotent-replayed") != "true":
                self.wrong = f"the same request was answered {told} and then {again} {client.fields}"
                raise EOFError
        self.count, self.share_key = self.count + 1, None

    def touch(self, client):
        name = self.dice.randrange(20)
        before = self.state(name)
        ttl, expires = self.dice.choice((("1h", time.time() + HOUR_S), ("none", None)))
        after = State(before.value, before.revision, expires) if before.value is not None else State()
        self.ask(client, (204,) if before.value is not None else (404,), "POST", f"/v1/kv/{self.key(name)}?ttl={ttl}",
                 possible={self.key(name): after})

    def transaction(self, client):
        value = self.value()
        steps = [{"put": self.key(side), "value": json.loads(value)} for side in ("left", "right")]
        self.ask(client, (200,), "POST", "/v1/txn", json.dumps({"operations": steps}).encode(),
                 {self.key(side): State(value, UNKNOWN) for side in ("left", "right")}, Content_Type="application/json")

    def conditional(self, client):
        """A tag that was told before a kill is good after it."""
        name, value = self.dice.randrange(20), self.value()
        before = self.state(name)
        if before.value is None or before.revision in (None, UNKNOWN):
            return self.put(client)
        status, _ = client.ask("GET", f"/v1/kv/{self.key(name)}", If_None_Match=f'"{Kills.database}-{before.revision}"')
        if status != 304:
            self.wrong = f"{self.key(name)} is {before}, and a GET with that tag was answered {status}"
            raise EOFError
        self.ask(client, (204,), "PUT", f"/v1/kv/{self.key(name)}", value, {self.key(name): State(value, UNKNOWN)},
                 If_Match=f'"{Kills.database}-{before.revision}"')
        return None

    def check(self, client, seen):
        """After a start. @param seen the highest revision of each key that a reader was shown"""
        if self.share_key:  # nobody knows whether it was done: that is what the key is for
            self.share(client)
        for key in self.known.keys() | self.possible.keys():
            status, content = client.ask("GET", f"/v1/kv/{key}")
            known, possible = self.known.get(key, State()), self.possible.get(key)
            is_known = known.is_shown_by(status, content, client.fields)
            if not is_known and not (possible and possible.is_shown_by(status, content, client.fields)):
                raise AssertionError(f"{key} must be {known}, or {possible}; it is {status} {State(content)} {client.fields}")
            revision = revision_of(client.fields["etag"]) if status == 200 else None
            if revision is not None and revision < seen.get(key, 0):
                raise AssertionError(f"{key} is at revision {revision}; a reader was shown {seen[key]}")
            now = possible if possible and not is_known else known
            self.known[key] = State(content, revision, now.expires_at) if status == 200 else State()
        sides = [self.known.get(self.key(side), State()).value for side in ("left", "right")]
        if sides[0] != sides[1]:
            raise AssertionError(f"half a transaction: {self.name} has {sides}")
        self.possible = {}


class Reader:
    """Remembers what it was shown of the others' keys."""

    def __init__(self, seed, writers):
        self.dice, self.writers, self.seen = random.Random(f"{seed} reader"), writers, {}

    def run(self, port):
        names = [writer.key(name) for writer in self.writers for name in (*range(20), "count", "left")]
        with contextlib.suppress(OSError, EOFError), Client(port) as client:
            while True:
                key = self.dice.choice(names)
                status, _ = client.ask("GET", f"/v1/kv/{key}")
                if status == 200:
                    self.seen[key] = revision_of(client.fields["etag"])


class Kills:
    database = None  # the id in every tag

    def __init__(self, directory, seed, clients, load_s):
        self.directory, self.dice, self.load_s = directory, random.Random(seed), load_s
        self.writers = [Writer(number, seed) for number in range(clients)]
        self.reader = Reader(seed, self.writers)

    def round(self):
        if self.dice.random() < 0.1:  # in the middle of the start
            server = Server(data=self.directory)
            time.sleep(self.dice.uniform(0, 0.05))
            server.kill()
        with Server("--threads", "2", data=self.directory) as server:
            with Client(server.port) as client:
                self.check(client)
            threads = [threading.Thread(target=one.run, args=(server.port,)) for one in (*self.writers, self.reader)]
            for thread in threads:
                thread.start()
            time.sleep(self.dice.uniform(0, self.load_s))
            server.kill()
            for thread in threads:
                thread.join()
        for writer in self.writers:
            if writer.wrong:
                raise AssertionError(writer.wrong)

    def check(self, client):
        status, content = client.ask("GET", "/v1/kv?limit=1")
        assert status == 200, content
        revision, told = json.loads(content)["revision"], max(writer.revision for writer in self.writers)
        if revision < told:
            raise AssertionError(f"the revision is {revision}; {told} was told before")
        client.ask("PUT", "/v1/kv/first", b"1")
        client.ask("GET", "/v1/kv/first")
        database = database_of(client.fields["etag"])
        if Kills.database not in (None, database):
            raise AssertionError(f"the database is {database} and was {Kills.database}")
        Kills.database = database
        for writer in self.writers:
            writer.check(client, self.reader.seen)
        self.reader.seen = {}
        _, content = client.ask("GET", "/v1/kv/shared")
        shared = int(content) if content.isdigit() else 0
        if shared != sum(writer.count for writer in self.writers):
            raise AssertionError(f"the shared number is {shared}; {[writer.count for writer in self.writers]} were added")


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
        try:
            for number in range(given.kills):
                kills.round()
                if (number + 1) % 100 == 0:
                    print(f"{number + 1} kills", flush=True)
            with Server(data=kills.directory) as server, Client(server.port) as client:
                kills.check(client)
        except AssertionError as wrong:
            sys.exit(f"after {number + 1} kills with --seed {given.seed}: {wrong}")
    acknowledged = sum(writer.acknowledged for writer in kills.writers)
    print(f"{given.kills} kills, {acknowledged} acknowledged changes, 0 lost, in {time.monotonic() - began:.0f} s "
          f"(--seed {given.seed})")


if __name__ == "__main__":
    main()
