"""Clients of a cluster that is disturbed, and what each has seen: for chaos.py, which judges it.

Each operation ends in one of three ways: done (with the revision that the server told), refused (nothing was changed), or
unknown (sent, and not answered).
"""

import contextlib
import dataclasses
import http.client
import json
import socket
import threading
import time
import uuid

TIMEOUT_S = 6
LOCK_LEASE_S = 1
ACCOUNTS, BALANCE = 5, 100
REGISTERS = 4
APPENDS_A_LIST = 200


class Unreachable(OSError):
    """Nothing of the request was sent."""


class Unanswered(OSError):
    """The request was sent, or a part of it; nobody knows whether it was done."""


@dataclasses.dataclass
class Version:
    """What a key was, at a revision."""

    key: str
    value: object
    revision: int
    begin: float  # of the operation that tells
    end: float
    is_write: bool
    prior: int = None  # of a conditional write: the key's revision that it replaced; 0 for none


@dataclasses.dataclass
class Snapshot:
    """What a transaction that reads has told."""

    revision: int
    versions: dict  # by key: revision and value
    begin: float
    end: float


@dataclasses.dataclass
class Change:
    """What a watcher was told."""

    kind: str
    key: str
    revision: int
    previous: int
    value: object
    at: float  # when it was told


@dataclasses.dataclass
class Grant:
    """What a client knows of its turn with the lock."""

    token: int
    asked_from: float  # before the ticket was created
    asked_until: float  # the ticket was in the queue by then
    granted_after: float  # the last time at which it was not yet granted: its lease lasts at least from there
    told_at: float
    left_at: float = None  # before it was released; None: it was not
    refused_at: float = None  # when a write was refused because the lock was lost


@dataclasses.dataclass
class Loss:
    """A watcher was told that it can't have the changes between two revisions any more."""

    watcher: str
    after: int
    until: int
    at: float  # by the wall clock, as in the servers' logs
    server: str  # the URL of the leader that said so, or the port that was asked


class Seen:
    """All that the clients have seen. Lists only grow, and appending is atomic."""

    def __init__(self):
        self.versions, self.snapshots = [], []
        self.unknown = {}  # values that may have been written, by key
        self.unknown_guard = threading.Lock()
        self.refused_values = set()  # (key, value): never written
        self.appended, self.doubtful_appends = [], []
        self.counted = []  # (number, token, revision): done under the lock
        self.doubtful_counts = []
        self.grants = []
        self.watchers, self.losses = [], []
        self.wrong = []
        self.refusals = {}
        self.unanswered = self.unreachable = 0

    def may_be_written(self, key, value):
        with self.unknown_guard:
            self.unknown.setdefault(key, set()).add(json.dumps(value))


class Caller:
    """Asks one server after the other until one answers."""

    def __init__(self, ports, dice, seen, timeout=TIMEOUT_S):
        self.ports, self.seen, self.timeout = list(ports), seen, timeout
        dice.shuffle(self.ports)
        self.at, self.connection = 0, None
        self.database = None

    def go_on(self):
        self.close()
        self.at = (self.at + 1) % len(self.ports)

    def close(self):
        if self.connection:
            self.connection.close()
        self.connection = None

    def ask(self, method, path, body=None, timeout=None, **fields):
        """A field's name is written with underscores for hyphens. @return status, fields, content"""
        if not self.connection:
            self.connection = http.client.HTTPConnection("127.0.0.1", self.ports[self.at], timeout=self.timeout)
            try:
                self.connection.connect()
                self.connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            except OSError as error:
                self.go_on()
                self.seen.unreachable += 1
                raise Unreachable(str(error)) from error
        self.connection.sock.settimeout(timeout or self.timeout)
        try:
            self.connection.request(method, path, body, {name.replace("_", "-"): value for name, value in fields.items()})
            answer = self.connection.getresponse()
            content = answer.read()
        except (OSError, http.client.HTTPException) as error:
            self.go_on()
            self.seen.unanswered += 1
            raise Unanswered(f"{type(error).__name__} {error}") from error
        if answer.will_close:
            self.close()
        if answer.status >= 500:
            code = code_of(content)
            self.seen.refusals[code] = self.seen.refusals.get(code, 0) + 1
            self.go_on()
            if answer.status == 500:
                raise Unanswered(f"500 {content!r}")
        return answer.status, answer.headers, content


def code_of(content):
    try:
        return json.loads(content).get("code")
    except (ValueError, AttributeError):
        return None


def revision_in(tag):
    return int(tag.strip('"').rpartition("-")[2])


class Client(threading.Thread):
    """Does one thing after the other until it is told to stop. What goes wrong in it is an anomaly."""

    def __init__(self, number, ports, dice, seen):
        super().__init__(name=f"{type(self).__name__.lower()}{number}", daemon=True)
        self.dice, self.seen, self.ends = dice, seen, threading.Event()
        self.caller, self.count = Caller(ports, dice, seen), 0
        self.refusal = None  # the code of the last write that was refused with 412

    def run(self):
        while not self.ends.is_set():
            try:
                self.act()
            except Unreachable:
                self.ends.wait(0.05)
            except Unanswered:
                pass
            except Exception as error:  # whatever the server answers, it must be what the API says
                self.seen.wrong.append(f"{self.name}: {type(error).__name__} {error}")
                return
        self.caller.close()

    def unique(self):
        self.count += 1
        return f"{self.name}-{self.count}"

    def refused(self, status, content):
        """Whether a server has refused because it can do nothing at the moment."""
        if status not in (503, 507, 429):
            return False
        self.ends.wait(0.05)
        return True

    def read(self, key):
        """The key's version, 0 and None where there is none; None where there was no answer."""
        begin = time.monotonic()
        status, fields, content = self.caller.ask("GET", f"/v1/kv/{key}")
        end = time.monotonic()
        if self.refused(status, content):
            return None
        if status not in (200, 404):
            raise AssertionError(f"GET {key}: {status} {content!r}")
        revision = revision_in(fields["ETag"]) if status == 200 else 0
        value = json.loads(content) if status == 200 else None
        self.seen.versions.append(Version(key, value, revision, begin, end, False))
        return revision, value, fields.get("ETag")

    def write(self, key, value, prior, tag, **fields):
        """@return whether it was done; prior None: whatever is there"""
        if prior is not None:
            fields |= {"If_Match": tag} if tag else {"If_None_Match": "*"}
        begin = time.monotonic()
        try:
            status, answer, content = self.caller.ask("PUT", f"/v1/kv/{key}", json.dumps(value).encode(), **fields)
        except Unanswered:
            self.seen.may_be_written(key, value)
            raise
        end = time.monotonic()
        if status in (201, 204):
            revision = int(answer["Holdfast-Revision"])
            self.seen.versions.append(Version(key, value, revision, begin, end, True, prior))
            return revision
        self.seen.refused_values.add((key, json.dumps(value)))
        self.refusal = code_of(content) if status == 412 else None
        if status != 412 and not self.refused(status, content):
            raise AssertionError(f"PUT {key}: {status} {content!r}")
        return None


class Register(Client):
    """Reads, and replaces what it has read."""

    @staticmethod
    def key(number):
        return f"chaos/register{number}"

    def act(self):
        key = self.key(self.dice.randrange(REGISTERS))
        found = self.read(key)
        if found and self.dice.random() < 0.6:
            revision, _, tag = found
            self.write(key, self.unique(), revision, tag)


class Transfer(Client):
    """Moves amounts between accounts by transactions, and looks at all of them at once."""

    @staticmethod
    def key(number):
        return f"chaos/account{number}"

    def act(self):
        if self.dice.random() < 0.3:
            return self.look()
        one, other = self.dice.sample(range(ACCOUNTS), 2)
        found = [self.read(self.key(number)) for number in (one, other)]
        if not all(found):
            return None
        if any(tag is None for _, _, tag in found):
            raise AssertionError("an account is gone")
        amount, by = self.dice.randrange(1, 10), self.unique()
        values = [{"balance": found[0][1]["balance"] - amount, "by": by},
                  {"balance": found[1][1]["balance"] + amount, "by": by}]
        keys = [self.key(one), self.key(other)]
        body = {"checks": [{"key": key, "etag": old[2]} for key, old in zip(keys, found)],
                "operations": [{"put": key, "value": value} for key, value in zip(keys, values)]}
        begin = time.monotonic()
        try:
            status, _, content = self.caller.ask("POST", "/v1/txn", json.dumps(body).encode(), Content_Type="application/json")
        except Unanswered:
            for key, value in zip(keys, values):
                self.seen.may_be_written(key, value)
            raise
        end = time.monotonic()
        if status == 200:
            for key, value, old, result in zip(keys, values, found, json.loads(content)["results"]):
                self.seen.versions.append(Version(key, value, result["revision"], begin, end, True, old[0]))
            return None
        for key, value in zip(keys, values):
            self.seen.refused_values.add((key, json.dumps(value)))
        if status != 412 and not self.refused(status, content):
            raise AssertionError(f"a transfer: {status} {content!r}")
        return None

    def look(self):
        body = {"operations": [{"get": self.key(number)} for number in range(ACCOUNTS)]}
        begin = time.monotonic()
        status, _, content = self.caller.ask("POST", "/v1/txn", json.dumps(body).encode(), Content_Type="application/json")
        end = time.monotonic()
        if self.refused(status, content):
            return
        if status != 200:
            raise AssertionError(f"a look at all accounts: {status} {content!r}")
        told = json.loads(content)
        versions = {one["key"]: (one["revision"], one["value"]) for one in told["results"]}
        self.seen.snapshots.append(Snapshot(told["revision"], versions, begin, end))
        for key, (revision, value) in versions.items():
            self.seen.versions.append(Version(key, value, revision, begin, end, False))


class Appender(Client):
    """Appends to lists by PATCH, each element once: it repeats the request with its Idempotency-Key until it is answered."""

    def act(self):
        element = self.unique()
        key = f"chaos/list-{self.name}-{self.count // APPENDS_A_LIST}"
        once = f'"{uuid.UUID(int=self.dice.getrandbits(128))}"'
        patch = json.dumps([{"op": "add", "path": "/-", "value": element}]).encode()
        is_doubtful = False
        while not self.ends.is_set():
            try:
                status, _, content = self.caller.ask("PATCH", f"/v1/kv/{key}", patch, Idempotency_Key=once,
                                                     Content_Type="application/json-patch+json")
            except Unreachable:
                self.ends.wait(0.05)
                continue
            except Unanswered:
                is_doubtful = True
                continue
            if status == 204:
                self.seen.appended.append((key, element))
                return
            if status == 404:
                self.caller.ask("PUT", f"/v1/kv/{key}", b"[]", If_None_Match="*")
                once = f'"{uuid.UUID(int=self.dice.getrandbits(128))}"'  # that key stands for the 404 by now
            elif not self.refused(status, content):
                raise AssertionError(f"PATCH {key}: {status} {content!r}")
        if is_doubtful:
            self.seen.doubtful_appends.append((key, element))


class Counter(Client):
    """Counts under a named lock: reads, perhaps sleeps beyond its lease, and writes one more. With `is_guarded` the write counts
    only while the lock is held."""

    is_guarded = True
    key = "chaos/counter"

    def act(self):
        ticket = self.unique() + f"-{self.dice.getrandbits(32)}"
        path = f"/v1/locks/chaos/tickets/{ticket}"
        grant = self.acquire(ticket, path)
        if grant is None:
            return
        self.seen.grants.append(grant)
        try:
            self.count_one_more(ticket, grant)
        finally:
            grant.left_at = time.monotonic()
            with contextlib.suppress(OSError):
                self.caller.ask("DELETE", path)

    def count_one_more(self, ticket, grant):
        found = self.read(self.key)
        if not found:
            return
        if self.dice.random() < 0.1:
            self.ends.wait(self.dice.uniform(0, 2 * LOCK_LEASE_S))  # as if it were stopped
        number = (found[1] or {"number": 0})["number"] + 1
        value = {"number": number, "token": grant.token, "by": ticket}
        guard = {"Holdfast_Lock": f"chaos;token={grant.token}"} if self.is_guarded else {}
        try:
            revision = self.write(self.key, value, None, None, **guard)
        except Unanswered:
            self.seen.doubtful_counts.append(number)
            raise
        if revision:
            self.seen.counted.append((number, grant.token, revision))
        elif self.refusal:
            if self.refusal != "lock_lost":
                raise AssertionError(f"a count was refused with {self.refusal}")
            grant.refused_at = time.monotonic()

    def acquire(self, ticket, path):
        method, where = "POST", f"/v1/locks/chaos?lease={LOCK_LEASE_S}s&wait=1s&id={ticket}"
        asked_from = granted_after = time.monotonic()
        asked_until = None
        while not self.ends.is_set():
            begin = time.monotonic()
            try:
                status, _, content = self.caller.ask(method, where)
            except Unreachable:
                self.ends.wait(0.05)
                continue
            except Unanswered:
                continue  # the same ticket
            if status in (200, 201, 202):
                told, now = json.loads(content), time.monotonic()
                asked_until = asked_until or now
                if told["state"] == "held":
                    return Grant(told["token"], asked_from, asked_until, granted_after, now)
                granted_after = begin
                method, where = "GET", f"{path}?wait=1s"
            elif status == 410:
                return None
            elif not self.refused(status, content):
                raise AssertionError(f"{method} {where}: {status} {content!r}")
        return None


class Watcher(Client):
    """Follows all changes, and resumes at another server where it left off."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.changes, self.gaps, self.last, self.id = [], [], None, None
        self.resumed = 0
        self.seen.watchers.append(self)

    def act(self):
        if self.id is None:
            self.begin_anew()
        if self.id is None:  # refused; the next server may answer
            self.caller.go_on()
            self.ends.wait(0.02)
            return
        port = self.caller.ports[self.caller.at]
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=7)
        try:
            connection.request("GET", f"/v1/watch?prefix=chaos/&format=ndjson&from={self.id}")
            answer = connection.getresponse()
            server = answer.headers.get("Holdfast-Served-By", str(port))
            if answer.status == 410:
                return self.begin_anew(time.time(), server)
            if answer.status != 200:
                content = answer.read()
                if not self.refused(answer.status, content):
                    raise AssertionError(f"watch: {answer.status} {content!r}")
                return self.caller.go_on()
            self.resumed += 1
            while not self.ends.is_set():
                line = answer.readline()
                if not line.endswith(b"\n"):
                    break
                if not self.take(json.loads(line)):
                    return self.begin_anew(time.time(), server)
        except (OSError, http.client.HTTPException):
            pass
        finally:
            connection.close()
        self.caller.go_on()
        self.ends.wait(0.02)

    def take(self, told):
        if told["event"] == "lost":
            return False
        if told["event"] in ("put", "delete", "expire"):
            self.changes.append(Change(told["event"], told["key"], told["revision"], told["previous"], told.get("value"),
                                       time.monotonic()))
            if self.last is not None and told["revision"] <= self.last:
                self.seen.wrong.append(f"{self.name} was told of {told['revision']} after {self.last}")
        if "id" in told:
            self.id = told["id"]
            self.last = max(self.last or 0, revision_in(told["id"]))
        return True

    def begin_anew(self, told_at=None, server=None):
        """From now on; what was in between is a gap, of which a server has told."""
        status, _, content = self.caller.ask("GET", "/v1/kv?limit=1")
        if self.refused(status, content):
            return
        if status != 200:
            raise AssertionError(f"a list: {status} {content!r}")
        revision = json.loads(content)["revision"]
        if self.last is not None:
            if revision < self.last:
                self.seen.wrong.append(f"{self.name} had seen {self.last}, and then the server is at {revision}")
            self.gaps.append((self.last, revision))
            self.seen.losses.append(Loss(self.name, self.last, revision, told_at, server))
        else:
            self.gaps.append((0, revision))
        self.last, self.id = revision, str(revision)
