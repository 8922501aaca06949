"""Three servers of one cluster with a real etcd: what a client sees when one is killed, stopped, or told to end, and when etcd
is silent.

cluster_test.py SERVER TEST
"""

import base64
import http.client
import json
import os
import pathlib
import random
import signal
import ssl
import subprocess
import sys
import tempfile
import threading
import time

import server_process
from cluster import Cluster as ThreeEtcd, get
from etcd_process import PROGRAM, Etcd
from server_process import PATIENCE_S, Client, Server, make_certificate

LEASE_S = 2
SLOW_MACHINE_S = 2  # what a machine that is busy with something else may add to a time


class Member(Server):
    """One server of the cluster."""

    def __init__(self, etcd, *flags, trust=None):
        self.etcd, self.flags, self.trust = etcd, flags, trust
        super().__init__("--cluster", "test", "--etcd", etcd.url, "--cluster-lease", f"{LEASE_S}s", "--threads", "2", *flags)

    def start(self):
        # Server says where the data are, which a cluster knows itself.
        self.command = [word for word in self.command if word != "--in-memory"]
        if "--advertise" not in self.command:
            self.command += ["--advertise", self.url()]
        super().start()

    def url(self):
        return f"http{'s' if self.trust else ''}://127.0.0.1:{self.port}"

    def state(self):
        """What /readyz says; its status, and its members."""
        try:
            with self.connect() as client:
                status, content = client.ask("GET", "/readyz")
                return status, json.loads(content)
        except (OSError, EOFError):
            return 0, {}


class Cluster:
    def __init__(self, *flags, members=3, etcd_flags=(), trust=None):
        self.etcd, self.flags, self.count, self.trust = Etcd(*etcd_flags), flags, members, trust
        self.members = []

    def __enter__(self):
        self.etcd.__enter__()
        try:
            for _ in range(self.count):
                self.members.append(Member(self.etcd, *self.flags, trust=self.trust).__enter__())
            self.settle()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for member in self.members:
            member.kill()
        self.etcd.__exit__()

    def settle(self, members=None):
        """Waits until all agree on a leader. @return it, and the others"""
        members = members or self.members
        deadline = time.monotonic() + PATIENCE_S
        while True:
            states = [member.state() for member in members]
            leaders = [member for member, (_, state) in zip(members, states) if state.get("role") == "leader"]
            if (len(leaders) == 1 and all(status == 200 for status, _ in states)
                    and all(state["leader"] == leaders[0].url() for _, state in states)):
                return leaders[0], [member for member in members if member is not leaders[0]]
            if time.monotonic() > deadline:
                raise AssertionError(f"they agree on no leader: {states}")
            time.sleep(0.02)


def try_to(member, method, path, body=b"", timeout_s=PATIENCE_S, **fields):
    """One request on a connection of its own. @return status and content; 0 where there is no answer"""
    try:
        with member.connect() as client:
            client.socket.settimeout(timeout_s)
            return (*client.ask(method, path, body, **fields), client.fields)
    except (OSError, EOFError):
        return 0, b"", {}


def insist(member, method, path, body=b""):
    """Repeats a request that may be repeated until it is answered: a slow machine may let a lease end at any time, and a
    disk a commit wait for longer than the lease. @return status and content"""
    deadline = time.monotonic() + 2 * PATIENCE_S
    while (answer := try_to(member, method, path, body)[:2])[0] in (0, 503):
        assert time.monotonic() < deadline, (answer, member.log())
        time.sleep(0.05)
    return answer


class Clients:
    """Threads that ask from the beginning of a `with` block to its end."""

    def __init__(self, ask, count):
        self.stopping = False
        self.threads = [threading.Thread(target=ask, args=(number,)) for number in range(count)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stopping = True
        for thread in self.threads:
            thread.join()


class Writers(Clients):
    """Each puts the next number under a key of its own, at one server after the other, and remembers what was answered."""

    def __init__(self, members, count=3):
        super().__init__(self.write, count)
        self.members, self.guard = members, threading.Lock()
        self.told = [0] * count  # the last number that was acknowledged
        self.tried = [0] * count
        self.revision, self.wrong, self.answered_at = 0, [], []

    def write(self, number):
        at = number
        while not self.stopping:
            self.tried[number] += 1
            with self.guard:
                before = self.revision
            status, content, fields = try_to(self.members[at % len(self.members)], "PUT", f"/v1/kv/writer/{number}",
                                             str(self.tried[number]).encode(), timeout_s=5)
            if status in (200, 201, 204):
                revision = int(fields["etag"].strip('"').split("-")[-1])
                with self.guard:
                    if revision <= before:
                        self.wrong.append(f"the revision {revision} was told after {before}")
                    self.revision = max(self.revision, revision)
                    self.told[number] = self.tried[number]
                    self.answered_at.append(time.monotonic())
            else:
                if status not in (0, 503):
                    self.wrong.append(f"{status} {content}")
                at += 1
                time.sleep(0.01)

    def progress(self, more=20):
        """Waits until so many more writes are acknowledged."""
        wanted, deadline = len(self.answered_at) + more, time.monotonic() + PATIENCE_S
        while len(self.answered_at) < wanted:
            if time.monotonic() > deadline:
                raise AssertionError("no write is acknowledged any more")
            time.sleep(0.01)

    def gap_s(self, since):
        """The time from an instant to the first acknowledged write that began after it."""
        return min(at for at in self.answered_at if at > since) - since

    def longest_gap_s(self, since):
        """The longest time without an acknowledged write, from shortly before an instant: a leader answers while it drains."""
        times = sorted(at for at in self.answered_at if at > since - 0.1)
        return max(after - before for before, after in zip(times, times[1:]))

    def check(self, member):
        """All that was acknowledged is there, or something that was tried later."""
        assert not self.wrong, self.wrong
        for number, told in enumerate(self.told):
            status, content = insist(member, "GET", f"/v1/kv/writer/{number}")
            assert status == 200 and told <= int(content) <= self.tried[number], (number, told, status, content)


class Others(threading.Thread):
    """Makes the kinds of changes that Writers does not make: several of one key at once, deletions, expiries."""

    def __init__(self, members):
        super().__init__(daemon=True)
        self.members, self.ends = members, threading.Event()

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.ends.set()
        self.join()

    def run(self):
        count = 0
        while not self.ends.is_set():
            count += 1
            member, key = self.members[count % len(self.members)], f"others/{count % 7}"
            steps = [{"put": key, "value": count}, {"delete": key}, {"put": key, "value": -count}, {"delete": f"{key}/gone"}]
            try_to(member, "POST", "/v1/txn", json.dumps({"operations": steps}).encode(), timeout_s=1)
            try_to(member, "PUT", f"/v1/kv/{key}/gone?ttl={count % 3 * 40 + 20}ms", str(count).encode(), timeout_s=1)
            if count % 20 == 0:  # more than one transaction of etcd may change
                steps = [{"put": f"others/many/{number % 150}", "value": count} for number in range(200)]
                try_to(member, "POST", "/v1/txn", json.dumps({"operations": steps}).encode(), timeout_s=1)


class Follower(threading.Thread):
    """Watches all keys from a revision on, at one server after the other, and continues after the last change it was told of."""

    def __init__(self, members, after):
        super().__init__(daemon=True)
        self.members, self.id, self.revisions, self.versions = members, after, [int(after.split("-")[-1])], {}
        self.wrong, self.lost, self.ends, self.connections = [], [], threading.Event(), 0

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.ends.set()
        self.join(PATIENCE_S)
        assert not self.is_alive()

    def run(self):
        at = 0
        while not self.ends.is_set() and not self.lost:
            connection = http.client.HTTPConnection("127.0.0.1", self.members[at % len(self.members)].port, timeout=2)
            at += 1
            try:
                connection.request("GET", f"/v1/watch?prefix=&format=ndjson&from={self.id}")
                answer = connection.getresponse()
                if answer.status == 410:
                    self.lost.append(answer.read())
                elif answer.status not in (200, 503):
                    self.wrong.append(f"after {self.id}: {answer.status} {answer.read()}")
                elif answer.status == 200:
                    self.connections += 1
                    while not self.ends.is_set() and (line := answer.readline()).endswith(b"\n"):
                        self.take(json.loads(line))
            except (OSError, http.client.HTTPException):
                pass
            finally:
                connection.close()
            time.sleep(0.02)

    def take(self, told):
        self.id = told.get("id", self.id)
        if told["event"] == "lost":
            self.lost.append(told)
        if told["event"] not in ("put", "delete", "expire"):
            return
        revision, before = told["revision"], self.versions.get(told["key"])
        if revision != self.revisions[-1] + 1:
            self.wrong.append(f"{revision} after {self.revisions[-1]}")
        if before not in (None, told["previous"]):
            self.wrong.append(f"{told['key']} was {told['previous']} before {revision}, and {before} was told")
        self.versions[told["key"]] = revision if told["event"] == "put" else 0
        self.revisions.append(revision)

    def comes_to(self, revision):
        """Every change up to there, once and in order."""
        deadline = time.monotonic() + PATIENCE_S
        while self.revisions[-1] < revision and not self.lost:
            assert time.monotonic() < deadline, (self.revisions[-1], revision)
            time.sleep(0.02)
        assert not self.lost, (self.lost, self.revisions[-1])
        assert not self.wrong, self.wrong[:5]


def each_server_serves_the_data_and_tells_its_role():
    with Cluster() as cluster:
        leader, standbys = cluster.settle()
        for number, member in enumerate([leader, *standbys]):
            status, _, _ = try_to(member, "PUT", f"/v1/kv/k{number}", b'"x"')
            assert status == 201, status
        for member in cluster.members:
            for number in range(3):
                status, content, fields = try_to(member, "GET", f"/v1/kv/k{number}")
                assert (status, content) == (200, b'"x"'), (status, content)
                assert (fields.get("holdfast-served-by") == leader.url()) == (member is not leader), fields
        term = leader.state()[1]["term"]
        for standby in standbys:
            deadline = time.monotonic() + PATIENCE_S
            while (state := standby.state()[1])["revision"] < 3 and time.monotonic() < deadline:
                time.sleep(0.02)
            assert state["role"] == "standby" and state["revision"] == 3 and state["lag_ms"] >= 0, state
            assert state["term"] == term and term > 0, state
        assert leader.state()[1]["revision"] == 3 and leader.state()[1]["etcd_ms"] > 0
        for member in cluster.members:
            status, content, _ = try_to(member, "POST", "/v1/backups")
            assert (status, json.loads(content)["code"]) == (409, "data_elsewhere"), (status, content)
        version = json.loads(try_to(leader, "GET", "/version")[1])
        assert version["journal"]["kind"] == "etcd" and version["cluster"]["role"] == "leader", version
        assert json.loads(try_to(standbys[0], "GET", "/version")[1])["cluster"]["role"] == "standby"
        assert b'holdfast_cluster_leads{cluster="test"} 1' in try_to(leader, "GET", "/metrics")[1]
        assert b'holdfast_cluster_leads{cluster="test"} 0' in try_to(standbys[0], "GET", "/metrics")[1]
        # The leader refused fields as long as a server allows, since the standby added some.
        for member in cluster.members:
            assert try_to(member, "GET", "/v1/kv/k0", X="y" * 8130)[0] == 200
            assert try_to(member, "GET", "/v1/kv/k0", X="y" * 9400)[0] in (0, 431)
        shown = subprocess.run([server_process.SERVER, "cluster", "status", "--cluster", "test", "--etcd", cluster.etcd.url],
                               capture_output=True, text=True, timeout=PATIENCE_S, check=True).stdout
        assert f"leader   {leader.url()}  term {term}" in shown and "revision 3" in shown, shown
        assert all(f"standby  {standby.url()}" in shown for standby in standbys), shown


def a_killed_leader_is_followed_and_nothing_acknowledged_is_lost():
    with Cluster() as cluster, Writers(cluster.members) as writers:
        for _ in range(2):
            leader, _ = cluster.settle()
            writers.progress()
            killed_at = time.monotonic()
            leader.kill()
            writers.progress()
            gap = writers.gap_s(killed_at + 0.05)
            print(f"kill -9: first answered write after {gap:.3f} s with a lease of {LEASE_S} s")
            assert gap < LEASE_S + 1 + SLOW_MACHINE_S, gap
            leader.start()
        leader, standbys = cluster.settle()
        writers.__exit__()
        for member in [leader, *standbys]:
            writers.check(member)


def watchers_are_told_every_change_once_across_leaders_also_by_one_that_was_away():
    with Cluster(members=2) as cluster:
        leader, (standby,) = cluster.settle()
        first = try_to(leader, "PUT", "/v1/kv/first", b"1")[2]["etag"].strip('"')
        await_copy(leader, standby)
        with Writers(cluster.members) as writers, Others(cluster.members), Follower(cluster.members, first) as in_step:
            writers.progress(100)
            leader.kill()
            writers.progress(100)
            # One that was told nothing meanwhile: all the changes were made by the leader before, or by this one.
            with Follower([standby], first) as late:
                late.comes_to(int(writers.revision))
            in_step.comes_to(int(writers.revision))
            # The server that comes back reads from the log what it has missed.
            leader.start()
            cluster.settle()
            await_copy(standby, leader)
            writers.progress(100)
            standby.kill()
            writers.progress(100)
            in_step.comes_to(int(writers.revision))
            assert in_step.connections >= 3, in_step.connections
            with Follower([leader], first) as late:
                late.comes_to(int(writers.revision))
        print(f"{len(in_step.revisions)} changes were watched on {in_step.connections} connections")


def a_leader_that_is_told_to_end_loses_no_watcher():
    with Cluster(members=2) as cluster:
        leader, (standby,) = cluster.settle()
        first = try_to(leader, "PUT", "/v1/kv/first", b"1")[2]["etag"].strip('"')
        await_copy(leader, standby)
        with Writers(cluster.members) as writers, Follower(cluster.members, first) as watcher:
            writers.progress(100)
            assert leader.end() == 0
            writers.progress(100)
            watcher.comes_to(int(writers.revision))


def await_copy(leader, standby):
    """Until a standby has the data as they are now, so that it is told of all changes that follow."""
    deadline = time.monotonic() + PATIENCE_S
    wanted = leader.state()[1]["revision"]
    while standby.state()[1].get("revision", 0) < wanted:
        assert time.monotonic() < deadline, standby.log()
        time.sleep(0.02)


def a_leader_that_is_told_to_end_hands_over_at_once():
    with Cluster() as cluster, Writers(cluster.members) as writers:
        for _ in range(2):
            leader, others = cluster.settle()
            writers.progress()
            told_at = time.monotonic()
            assert leader.end() == 0
            took = time.monotonic() - told_at
            writers.progress()
            next_leader, _ = cluster.settle(others)
            with next_leader.connect() as client:
                client.ask("GET", "/livez")
            gap = writers.longest_gap_s(told_at)
            print(f"SIGTERM: ended after {took:.3f} s, longest time without an answered write {gap:.3f} s")
            assert gap < LEASE_S - 0.5, gap  # without the handover it would be the lease at least
            leader.start()
        leader, _ = cluster.settle()
        writers.__exit__()
        writers.check(leader)


class Askers(Clients):
    """Each puts again and again at one server, over one connection or over a new one for each request, and remembers each
    request that gets no answer."""

    def __init__(self, members, count, keeps_connections, pause_s):
        super().__init__(self.ask, count)
        self.members, self.keeps, self.pause_s = members, keeps_connections, pause_s
        self.unanswered, self.statuses = [], {}

    def progress(self, more=500):
        """Waits until so many more requests are answered."""
        wanted, deadline = sum(list(self.statuses.values())) + more, time.monotonic() + PATIENCE_S
        while sum(list(self.statuses.values())) < wanted:
            assert time.monotonic() < deadline, self.statuses
            time.sleep(0.01)

    def ask(self, number):
        member, client = self.members[number % len(self.members)], None
        while not self.stopping:
            try:
                client = client or member.connect()
                status, _ = client.ask("PUT", f"/v1/kv/asker/{number}", b"1")
                self.statuses[status] = self.statuses.get(status, 0) + 1
                is_kept = self.keeps and client.fields.get("connection") != "close"
                assert status != 503 or "retry-after" in client.fields, client.fields
            except (OSError, EOFError) as error:
                self.unanswered.append((member.port, repr(error)))
                is_kept = False
            if not is_kept and client:
                client.socket.close()
                client = None
            time.sleep(random.uniform(0, self.pause_s))


# Both the leader and the standby that followed it closed connections at once, some with a request that was not read yet:
# the standby that forwarded it, or the client, could not know whether it was executed.
def a_leader_that_is_told_to_end_leaves_no_request_unanswered():
    for keeps_connections, pause_s in ((True, 0), (False, 0), (True, 0.1), (False, 0.01)):
        with Cluster() as cluster:
            leader, standbys = cluster.settle()
            with Askers(standbys, 12, keeps_connections, pause_s) as askers:
                askers.progress()
                assert leader.end() == 0
                cluster.settle(standbys)
                askers.progress()
            print(f"answers: {askers.statuses}")
            assert not askers.unanswered, askers.unanswered


# Its drain was that of a standby that becomes the leader: after 30 ms it cut off all that it was forwarding.
def a_standby_that_is_told_to_end_finishes_what_it_forwards():
    with Cluster(members=2) as cluster:
        leader, (standby,) = cluster.settle()
        assert try_to(leader, "PUT", "/v1/kv/held", b"1")[0] == 201
        with standby.connect() as reader, standby.connect() as writer, leader.connect() as observer:
            reader.send(server_process.request("GET", "/v1/kv/held?hold=1s"))
            await_lock(observer, lambda lock: lock["owner"])
            writer.send(server_process.request("PUT", "/v1/kv/held", b"2"))
            await_lock(observer, lambda lock: lock["queue_length"])
            standby.process.terminate()
            assert reader.receive() == (200, b"1")
            assert writer.receive()[0] == 204
            assert standby.process.wait(PATIENCE_S) == 0
        assert try_to(leader, "GET", "/v1/kv/held")[1] == b"2"


def await_lock(client, is_so):
    """Until the lock's state, as a leader shows it, is so."""
    deadline = time.monotonic() + PATIENCE_S
    while not is_so(state := json.loads(client.ask("GET", "/v1/lock")[1])):
        assert time.monotonic() < deadline, state
        time.sleep(0.01)


# Each of these ended half-way with 503: the import appended faster than etcd commits.
def an_import_of_more_than_may_wait_for_etcd_is_stored():
    with Cluster(members=1) as cluster:
        leader, _ = cluster.settle()
        lines = b"".join(json.dumps({"key": f"k{number}", "value": "x" * 2000}).encode() + b"\n" for number in range(9000))
        deadline = time.monotonic() + 2 * PATIENCE_S
        while (answer := try_to(leader, "POST", "/v1/import", lines)[:2])[0] == 0:  # the lease has ended meanwhile
            assert time.monotonic() < deadline, leader.log()
            time.sleep(0.1)
        status, content = answer
        assert status == 200 and json.loads(content)["stored"] == 9000, (status, content)


def a_leader_that_was_stopped_longer_than_its_lease_acknowledges_nothing():
    with Cluster() as cluster:
        leader, standbys = cluster.settle()
        with leader.connect() as write, leader.connect() as read:
            for client in (write, read):
                assert client.ask("PUT", "/v1/kv/fenced", b"1")[0] in (201, 204)
            leader.pause()
            new_leader, _ = cluster.settle(standbys)
            assert insist(new_leader, "PUT", "/v1/kv/fenced", b"2")[0] == 204
            write.send(server_process.request("PUT", "/v1/kv/fenced", b"3"))
            read.send(server_process.request("GET", "/v1/kv/fenced"))
            leader.go_on()
            for client in (write, read):
                try:
                    status, content = client.receive()
                except (EOFError, OSError):
                    continue
                assert status == 503, (status, content)
        cluster.settle()
        for member in cluster.members:
            assert insist(member, "GET", "/v1/kv/fenced") == (200, b"2")


# Until it noticed that it led no more, it said of changes that the next leader had made that they were lost, or to come.
def a_leader_that_wakes_up_tells_no_watcher_an_untruth():
    with Cluster("--reads", "lease") as cluster:
        for turn in range(3):
            leader, standbys = cluster.settle()
            first = insist(leader, "PUT", "/v1/kv/k", str(turn).encode())
            assert first[0] in (201, 204), first
            for standby in standbys:
                await_copy(leader, standby)
            leader.pause()
            new_leader, _ = cluster.settle(standbys)
            for _ in range(3):
                assert insist(new_leader, "PUT", "/v1/kv/k", b"-1")[0] == 204
            revision = new_leader.state()[1]["revision"]
            asked = [("/v1/watch", {"Last_Event_ID": revision}), (f"/v1/watch?from={revision}", {}),
                     (f"/v1/locks/l/events?from={revision}", {}), ("/v1/locks/l/events", {"Last_Event_ID": revision})] * 4
            clients = [leader.connect() for _ in asked]
            for client, (path, fields) in zip(clients, asked):
                client.send(server_process.request("GET", path, **fields))
            leader.go_on()
            # Whoever gets no answer is served by the standby that it has become.
            wait_until = time.monotonic() + 1.5
            for client, what in zip(clients, asked):
                with client:
                    try:
                        while time.monotonic() < wait_until:
                            client.socket.settimeout(max(0.01, wait_until - time.monotonic()))
                            client.more()
                    except (EOFError, OSError):
                        pass
                    status = client.unread.partition(b"\r\n")[0]
                    assert status.split()[1:2] in ([], [b"200"], [b"503"]), (what, client.unread)
                    assert b"lost" not in client.unread, (what, client.unread)


def await_answers(etcds, how_many):
    """@return when all, or any of them, have answered a read that needs a leader"""
    deadline = time.monotonic() + PATIENCE_S

    def answers(one):
        try:
            return bool(one.ask("/v3/kv/range", 0.2, key="YQ=="))
        except OSError:
            return False

    while not how_many([answers(one) for one in etcds]):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return time.monotonic()


# In most elections of etcd, also in short ones, new requests got 503 for up to a second.
def an_etcd_that_is_killed_fails_no_request_if_the_others_soon_have_a_leader():
    with tempfile.TemporaryDirectory() as scratch, ThreeEtcd(server_process.SERVER, scratch, is_disturbed=False) as cluster:
        cluster.await_leader()
        failed, ends, short_ones = [], threading.Event(), 0

        def ask(number):
            began_at = time.monotonic()
            try:
                status = get(cluster.servers[0].port, f"/v1/kv/{number % 4}", PATIENCE_S, "PUT" if number % 2 else "GET",
                             b"1" if number % 2 else None)[0]
            except OSError as error:
                status = error
            is_answered = status in (200, 201, 204, 404)
            if not is_answered:
                failed.append((began_at, status))
            return is_answered

        deadline = time.monotonic() + PATIENCE_S
        while not ask(1):  # it may have just started, and know no leader yet
            assert time.monotonic() < deadline, failed[-1]
            time.sleep(0.05)

        def load():
            threads = []
            while not ends.wait(0.05):
                threads.append(threading.Thread(target=ask, args=(len(threads),)))
                threads[-1].start()
            for thread in threads:
                thread.join()

        thread = threading.Thread(target=load)
        thread.start()
        try:
            for _ in range(10):
                await_answers(cluster.etcds, all)
                cluster.await_leader()
                killed = next(one for one in cluster.etcds if one.leads())
                killed_at = time.monotonic()
                killed.kill()
                took = await_answers([one for one in cluster.etcds if one is not killed], any) - killed_at
                time.sleep(1)
                mine = [(at - killed_at, status) for at, status in failed if at >= killed_at]
                print(f"etcd's leader killed: {took:.3f} s without one, {len(mine)} requests failed {mine[:1]} {mine[-1:]}")
                # The lease, 5 s, is renewed each third of it. If it ends, the leader does, with what it can't tell the outcome of.
                assert took > 5 * 2 / 3 or all(status == 503 for _, status in mine), mine
                if took < 1.4:
                    assert not mine, mine
                    short_ones += 1
                killed.start()
                if short_ones == 2:
                    break
            # In a longer one they get it, but late: it began after one second, or before.
            await_answers(cluster.etcds, all)
            cluster.await_leader()
            for one in cluster.etcds[:2]:
                one.pause()
            silent_since = time.monotonic()
            while not (late := [at - silent_since for at, _ in failed if at >= silent_since]):
                assert time.monotonic() < silent_since + PATIENCE_S
                time.sleep(0.02)
            print(f"two etcd stopped: 503 after {late[0]:.3f} s")
            assert 1.5 < late[0] < 2 + SLOW_MACHINE_S, late
            for one in cluster.etcds[:2]:
                one.go_on()
        finally:
            ends.set()
            thread.join()


def a_silent_etcd_is_told_within_two_seconds_and_its_return_is_enough():
    with Cluster() as cluster, Writers(cluster.members) as writers:
        leader, standbys = cluster.settle()
        writers.progress()
        cluster.etcd.pause()
        paused_at = time.monotonic()
        for member in (leader, standbys[0]):
            while True:
                status, content, fields = try_to(member, "PUT", "/v1/kv/silent", b"1", timeout_s=0.3)
                if status == 503:
                    break
                assert status == 0 or time.monotonic() < paused_at + 1, (status, content)
                assert time.monotonic() < paused_at + PATIENCE_S
            took = time.monotonic() - paused_at
            print(f"503 {took:.3f} s after etcd fell silent")
            assert json.loads(content)["code"] == "no_leader" and "retry-after" in fields, (content, fields)
            assert took < 2 + SLOW_MACHINE_S, took
        # Beyond the lease nobody leads.
        while any(member.state()[0] != 503 for member in cluster.members):
            assert time.monotonic() < paused_at + PATIENCE_S
            time.sleep(0.05)
        cluster.etcd.go_on()
        leader, _ = cluster.settle()
        writers.progress()
        writers.__exit__()
        for member in cluster.members:
            writers.check(member)


def reads_by_lease_go_on_without_etcd_and_confirmed_ones_do_not():
    for rule, statuses in (("lease", (200,)), ("confirmed", (0, 503))):
        with Cluster("--reads", rule, members=1) as cluster:
            leader, _ = cluster.settle()
            assert insist(leader, "PUT", "/v1/kv/k", b"1")[0] in (201, 204)
            cluster.etcd.pause()
            status = try_to(leader, "GET", "/v1/kv/k", timeout_s=0.5)[0]
            assert status in statuses, (rule, status)
            # And no longer than the lease.
            time.sleep(LEASE_S)
            assert try_to(leader, "GET", "/v1/kv/k", timeout_s=0.5)[0] in (0, 503)
            cluster.etcd.go_on()
            cluster.settle()
            assert insist(leader, "GET", "/v1/kv/k") == (200, b"1")


def an_etcd_that_is_nearly_full_is_told_before_it_refuses():
    # etcd's file grows by megabytes at a time, so the tenth of the quota that is kept free must be larger.
    with Cluster(members=1, etcd_flags=("--quota-backend-bytes", str(96 << 20))) as cluster:
        leader, _ = cluster.settle()
        value = b'"' + b"x" * 1_000_000 + b'"'
        for number in range(200):
            status, content = insist(leader, "PUT", f"/v1/kv/large/{number}", value)
            if status not in (201, 204):
                break
        assert status == 507 and json.loads(content)["code"] == "disk_full", (status, content, leader.log())
        assert insist(leader, "GET", "/v1/kv/large/0")[0] == 200
        assert insist(leader, "DELETE", "/v1/kv/large/0")[0] in (204, 404)
        assert not cluster.etcd.ask("maintenance/alarm", action="GET").get("alarms")


def the_leader_compacts_etcds_history():
    with Cluster("--etcd-compaction", "200ms", members=1) as cluster:
        leader, _ = cluster.settle()
        first = int(cluster.etcd.ask("kv/range", key=b"a")["header"]["revision"])
        deadline = time.monotonic() + PATIENCE_S
        while "compacted" not in str(cluster.etcd.ask("kv/range", key=b"a", revision=first)):
            assert time.monotonic() < deadline
            assert insist(leader, "PUT", "/v1/kv/k", b"1")[0] in (201, 204)
            time.sleep(0.05)
        assert insist(leader, "GET", "/v1/kv/k") == (200, b"1")


def what_is_overwritten_does_not_fill_etcd():
    # etcd's file grows by megabytes at a time, so the tenth of the quota that is kept free must be larger.
    with Cluster(members=1, etcd_flags=("--quota-backend-bytes", str(96 << 20))) as cluster:
        leader, _ = cluster.settle()
        value = b'"' + b"x" * 1_000_000 + b'"'
        for number in range(60):  # twice the quota
            status, content = insist(leader, "PUT", "/v1/kv/large", value)
            assert status in (201, 204), (number, status, content)
            time.sleep(0.1)


def an_etcd_with_tls_and_users_is_used_with_its_authority_and_a_password_alone():
    with Etcd(tls=True) as etcd, tempfile.NamedTemporaryFile("w") as password:
        etcd.demand_password("secret")
        password.write("secret\n")
        password.flush()
        known = ("--etcd-ca", etcd.certificate, "--etcd-user", "root", "--etcd-password-file", password.name)
        with Member(etcd, *known) as member:
            deadline = time.monotonic() + PATIENCE_S
            while member.state()[1].get("role") != "leader":
                assert time.monotonic() < deadline, member.log()
                time.sleep(0.02)
            assert insist(member, "PUT", "/v1/kv/k", b"1")[0] in (201, 204)
            assert insist(member, "GET", "/v1/kv/k") == (200, b"1")
        place = ["--cluster", "test", "--etcd", etcd.url, "cluster", "status"]
        for flags, is_enough in (known, True), (known[:2], False), (known[2:], False):
            status = subprocess.run([server_process.SERVER, *flags, *place], capture_output=True, check=False)
            assert (status.returncode in (0, 1)) == is_enough, (flags, status)


def servers_with_tls_forward_hand_over_and_take_new_certificates():
    with tempfile.TemporaryDirectory() as directory:
        certificate, key = make_certificate(directory, "server")
        authorities = pathlib.Path(directory, "authorities.pem")

        def trusting(*files):
            authorities.write_text("".join(files), encoding="ascii")
            trust = ssl.create_default_context(cafile=authorities)
            trust.load_cert_chain(certificate, key)
            return trust

        old = pathlib.Path(certificate).read_text(encoding="ascii")
        flags = ("--tls-cert", certificate, "--tls-key", key, "--cluster-ca", str(authorities))
        with Cluster(*flags, "--tls-client-ca", str(authorities), trust=trusting(old)) as cluster:
            leader, (standby, other) = cluster.settle()
            large = b'"' + b"x" * 900_000 + b'"'
            assert insist(standby, "PUT", "/v1/kv/large", large)[0] in (201, 204)
            for member in cluster.members:
                assert insist(member, "GET", "/v1/kv/large") == (200, large)
            with standby.connect() as watcher:
                watcher.send(server_process.request("GET", "/v1/watch?key=k"))
                while b"\r\n\r\n" not in watcher.unread:
                    watcher.more()
                assert insist(other, "PUT", "/v1/kv/k", b"17")[0] in (201, 204)
                while b'"value":17' not in watcher.unread:
                    watcher.more()
            # A new certificate of another authority: trusted first, then used.
            make_certificate(directory, "new")
            new = pathlib.Path(directory, "new.pem").read_text(encoding="ascii")
            both = trusting(old, new)
            for member in cluster.members:
                member.process.send_signal(signal.SIGHUP)
                member.trust = both
                member.log_with("certificate read", 2)
            for end in ("pem", "key"):
                os.replace(f"{directory}/new.{end}", f"{directory}/server.{end}")
            for member in cluster.members:
                member.process.send_signal(signal.SIGHUP)
                member.log_with("certificate read", 3)
            only_new = trusting(new)
            for member in cluster.members:
                member.trust = only_new
            with Writers(cluster.members) as writers:
                writers.progress()
                told_at = time.monotonic()
                assert leader.end() == 0
                writers.progress()
                cluster.settle([standby, other])
                gap = writers.longest_gap_s(told_at)
                print(f"SIGTERM with TLS: longest time without an answered write {gap:.3f} s")
                assert gap < LEASE_S - 0.5, gap
            new_leader, _ = cluster.settle([standby, other])
            writers.check(new_leader)
            # A server that trusts another authority forwards nothing, and says what to do.
            stranger, _ = make_certificate(directory, "stranger")
            with Member(cluster.etcd, *flags[:-1], stranger, trust=only_new) as wrong:
                deadline = time.monotonic() + PATIENCE_S
                while "TLS" not in (answer := try_to(wrong, "PUT", "/v1/kv/k", b"18"))[1].decode():
                    assert time.monotonic() < deadline, answer
                    time.sleep(0.02)
                assert answer[0] == 503 and json.loads(answer[1])["code"] == "no_leader", answer
                assert "--cluster-ca" in answer[1].decode(), answer
                assert "--cluster-ca" in wrong.log_with("no tls connection to the leader"), wrong.log()
            assert insist(new_leader, "GET", "/v1/kv/k") == (200, b"17")


def limits_per_address_count_the_clients_of_a_standby():
    with tempfile.NamedTemporaryFile("r") as log:
        with Cluster("--limit-requests", "1", "--access-log", log.name) as cluster:
            leader, (standby, _) = cluster.settle()

            def statuses(member, source, count, **fields):
                with Client(member.port, source=source) as client:
                    return [client.ask("GET", "/v1/kv/none", **fields)[0] for _ in range(count)]

            # Each address has requests left only for itself, at whichever server it comes in.
            assert 429 in statuses(standby, "127.0.0.2", 8)
            assert statuses(standby, "127.0.0.3", 1) == statuses(leader, "127.0.0.4", 1) == [404]
            assert 429 in statuses(leader, "127.0.0.2", 2)
            # A client cannot choose its address.
            for member in (leader, standby):
                assert 429 in statuses(member, "127.0.0.5", 8)
                forged = statuses(member, "127.0.0.5", 1, Holdfast_Forwarded_For="guess 127.0.0.6:1")
                assert forged == [429], forged
            # The secret is shown nowhere.
            entry = cluster.etcd.ask("kv/range", key=b"/holdfast/test/secret")["kvs"][0]
            secret = base64.b64decode(entry["value"]).decode()
            assert len(secret) > 40
            shown = log.read() + "".join(member.log() for member in cluster.members)
            for number, path in enumerate(("/version", "/metrics", "/readyz", "/v1/lock/trace", "/v1/export")):
                with Client(leader.port, source=f"127.0.1.{number + 1}") as client:
                    status, content = client.ask("GET", path)
                    assert status == 200, (path, status)
                    shown += content.decode()
            assert "127.0.0.2:" in shown and secret not in shown


def another_server_is_no_etcd_and_is_named_with_its_answer():
    """The reason was empty."""
    program = sys.argv[1]
    with Server() as other:
        url = f"http://127.0.0.1:{other.port}"
        asked = subprocess.run([program, "cluster", "status", "--cluster", "test", "--etcd", url], capture_output=True,
                               text=True, timeout=PATIENCE_S)
        assert asked.returncode == 69, asked
        assert f"{url}: it answered with status 404; is this etcd's client URL?" in asked.stderr, asked.stderr


def the_compose_file_is_a_cluster():
    import yaml

    path = pathlib.Path(__file__).parents[2] / "docker" / "compose.cluster.yaml"
    services = yaml.safe_load(path.read_text(encoding="utf-8"))["services"]
    etcds = [name for name in services if name.startswith("etcd")]
    servers = [name for name in services if name.startswith("server")]
    assert len(etcds) == len(servers) == 3
    for name in etcds:
        flags = dict(word.removeprefix("--").split("=", 1) for word in services[name]["command"][1:])
        assert flags["name"] == name and flags["advertise-client-urls"] == f"http://{name}:2379", flags
        assert flags["initial-cluster"] == ",".join(f"{one}=http://{one}:2380" for one in etcds), flags
        known = subprocess.run([PROGRAM, "--help"], capture_output=True, text=True, check=False)
        assert all(f"--{flag}" in known.stdout + known.stderr for flag in flags), flags
        assert services[name]["volumes"] == [f"{name}:/data"]
    asked = []
    for name in servers:
        command = services[name]["command"]
        assert command[command.index("--etcd") + 1] == ",".join(f"http://{one}:2379" for one in etcds), command
        assert command[command.index("--advertise") + 1] == f"http://{name}:8080", command
        asked.append(subprocess.Popen([server_process.SERVER, *command, "cluster", "status"], stderr=subprocess.PIPE))
    for one in asked:
        # The flags are known; etcd is not there.
        _, said = one.communicate(timeout=PATIENCE_S)
        assert one.returncode == 69, (one.returncode, said)


if __name__ == "__main__":
    if not os.access(PROGRAM, os.X_OK):
        print("etcd is not installed (Debian: etcd-server)")
        sys.exit(77)
    server_process.SERVER = sys.argv[1]
    globals()[sys.argv[2]]()
