"""Three servers on three etcd, disturbed in random order: killed, stopped beyond their lease, cut off, slowed down, etcd compacted
and full. Meanwhile clients read, write, transfer, append, count under a lock and watch; afterwards it is checked that
together they have seen what one undisturbed server could have shown them.

chaos.py SERVER [--client HOLDFAST] [--duration 60s] [--seed N] [--only NAME,…] [--without guard] [--keep DIR]: exits 1 and
names the seed when that is not so. With --client `holdfast load --verify` runs along.
"""

import argparse
import contextlib
import json
import os
import pathlib
import random
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse

import chaos_checks
from chaos_clients import (Appender, BALANCE, Caller, Counter, REGISTERS, Register, Seen, Transfer, Unanswered, Unreachable,
                           Version, Watcher, revision_in)
from cluster import Cluster, ETCD, MEMBERS, encoded

LEASE_S = 3  # of a leader
QUOTA_BYTES = 48 << 20
MIX = "get=40,put=30,incr=10,txn=10,list=2,cas=8"


class Nemesis:
    """Disturbs a cluster. Each function does one thing, and returns what ends it; `dice` decides whom it strikes."""

    def __init__(self, cluster, dice):
        self.cluster, self.dice = cluster, dice

    def victim(self):
        """Mostly the leader."""
        leader = self.cluster.leader()
        return leader if leader is not None and self.dice.random() < 0.7 else self.dice.randrange(MEMBERS)

    def name_of(self, number):
        return f"server{number}" + (" (leader)" if number == self.cluster.leader() else "")

    def kill_server(self):
        number = self.victim()
        what = self.name_of(number)
        self.cluster.servers[number].kill()
        return f"kill -9 {what}", self.dice.uniform(0, 4), self.cluster.servers[number].start

    def end_server(self):
        number = self.victim()
        # One that has just been started does not handle the signal yet.
        deadline = time.monotonic() + 5
        while self.cluster.role_of(self.cluster.servers[number]) is None and time.monotonic() < deadline:
            time.sleep(0.02)
        what = self.name_of(number)
        began_at = time.monotonic()
        status = self.cluster.servers[number].end()
        if status != 0:
            raise AssertionError(f"{what} ended with {status}")
        return (f"SIGTERM {what}, which took {time.monotonic() - began_at:.1f} s", self.dice.uniform(0, 2),
                self.cluster.servers[number].start)

    def stop_server(self):
        number = self.victim()
        what = self.name_of(number)
        self.cluster.servers[number].pause()
        return f"SIGSTOP {what}", self.dice.uniform(1, 3 * LEASE_S), self.cluster.servers[number].go_on

    def kill_etcd(self):
        one = self.dice.choice(self.cluster.etcds)
        one.kill()
        return f"kill -9 {one.name}", self.dice.uniform(0, 4), one.start

    def stop_etcd(self):
        one = self.dice.choice(self.cluster.etcds)
        one.pause()
        return f"SIGSTOP {one.name}", self.dice.uniform(1, 6), one.go_on

    def lose_majority(self):
        pair = self.dice.sample(self.cluster.etcds, 2)
        for one in pair:
            one.pause()

        def go_on():
            for one in pair:
                one.go_on()
        return f"SIGSTOP {pair[0].name} and {pair[1].name}", self.dice.uniform(1, 6), go_on

    def disturb(self, links, what):
        how = self.dice.choice(("cut up", "cut down", "cut both", "close", "stall", "delay"))
        for link in links:
            if how == "stall":
                link.stall()
            elif how == "delay":
                link.delay(self.dice.uniform(0.02, 0.4))
            else:
                link.cut(how.rpartition(" ")[2])

        def heal():
            for link in links:
                link.heal()
        return f"{how} {what}", self.dice.uniform(0.5, 3 * LEASE_S), heal

    def disturb_etcd_of_one(self):
        number = self.victim()
        links = self.cluster.etcd_links[number]
        some = links if self.dice.random() < 0.6 else [self.dice.choice(links)]
        return self.disturb(some, f"{self.name_of(number)} from {len(some)} etcd")

    def disturb_peers(self):
        number = self.dice.randrange(MEMBERS)
        return self.disturb([self.cluster.peer_links[number]], f"the peers from etcd{number}")

    def disturb_forwarding(self):
        number = self.victim()
        return self.disturb([self.cluster.server_links[number]], f"the other servers from {self.name_of(number)}")

    def compact(self):
        """Everything up to now is no longer in etcd's history."""
        one = self.dice.choice(self.cluster.etcds)
        revision = int(one.ask("/v3/kv/range", key=encoded("a"))["header"]["revision"])
        one.ask("/v3/kv/compaction", revision=str(revision), physical=True)
        return f"compact etcd at {revision}", 0, lambda: None

    def slow_etcd(self):
        """A disk that is slow, as the process sees it: it stands still for most of the time."""
        one, ends = self.dice.choice(self.cluster.etcds), threading.Event()

        def pulse():
            while not ends.is_set():
                one.pause()
                ends.wait(0.06)
                one.go_on()
                ends.wait(0.02)
        thread = threading.Thread(target=pulse)
        thread.start()

        def end():
            ends.set()
            thread.join()
        return f"slow {one.name}", self.dice.uniform(1, 5), end

    def fill_quota(self):
        """Until etcd raises its alarm; then what filled it is removed, as an operator does."""
        self.cluster.await_etcd()  # the disturbance before may have killed it
        one = self.cluster.etcds[0]
        filling = encoded("x" * (1 << 20))
        count = 0
        try:
            while count < 2 * (QUOTA_BYTES >> 20):
                one.ask("/v3/kv/put", 10, key=encoded(f"/filling/{count}"), value=filling)
                count += 1
        except OSError:
            pass

        def clean():
            deadline = time.monotonic() + 30
            while True:
                try:
                    revision = one.ask("/v3/kv/deleterange", 10, key=encoded("/filling/"), range_end=encoded("/filling0"))
                    with contextlib.suppress(OSError):  # a leader may have compacted as much already
                        one.ask("/v3/kv/compaction", 10, revision=revision["header"]["revision"], physical=True)
                    for each in self.cluster.etcds:
                        each.ask("/v3/maintenance/defragment", 10)
                    alarms = one.ask("/v3/maintenance/alarm", 10).get("alarms", [])
                    for alarm in alarms:
                        one.ask("/v3/maintenance/alarm", 10, action="DEACTIVATE", **alarm)
                    if not alarms:  # a write that was under way may have raised another one
                        return
                except OSError:
                    if time.monotonic() > deadline:
                        raise
                    time.sleep(0.2)
        return f"fill etcd with {count} MiB", self.dice.uniform(0, 2), clean


ALL = ("kill_server", "end_server", "stop_server", "kill_etcd", "stop_etcd", "lose_majority", "disturb_etcd_of_one",
       "disturb_peers", "disturb_forwarding", "compact", "slow_etcd", "fill_quota")


def say(began_at, text):
    print(f"{time.monotonic() - began_at:6.1f} s  {text}", flush=True)


def ask_until_answered(caller, *asked, **fields):
    deadline = time.monotonic() + 60
    while True:
        with contextlib.suppress(Unreachable, Unanswered):
            status, answer, content = caller.ask(*asked, **fields)
            if status < 500:
                return status, answer, content
        if time.monotonic() > deadline:
            raise AssertionError(f"{asked[:2]} gets no answer")
        time.sleep(0.05)


def read_at_the_end(caller, seen):
    """What has become of each key that was written. @return the last number that was counted"""
    number = 0
    for key in (*chaos_checks.ACCOUNT_KEYS, *(Register.key(number) for number in range(REGISTERS)), Counter.key):
        begin = time.monotonic()
        status, answer, content = ask_until_answered(caller, "GET", f"/v1/kv/{key}")
        if status not in (200, 404):
            raise AssertionError(f"GET {key}: {status} {content!r}")
        value, revision = (json.loads(content), revision_in(answer["ETag"])) if status == 200 else (None, 0)
        seen.versions.append(Version(key, value, revision, begin, time.monotonic(), False))
        if key == Counter.key and value:
            number = value["number"]
    return number


def final_lists(caller):
    lists, after = {}, "chaos/list"
    while after is not None:
        status, _, content = ask_until_answered(
            caller, "GET", f"/v1/kv?prefix=chaos/list&values=true&limit=100&after={urllib.parse.quote(after, safe='')}")
        if status != 200:
            raise AssertionError(f"a list: {status} {content!r}")
        page = json.loads(content)
        lists |= {one["key"]: one["value"] for one in page["entries"]}
        after = page.get("next")
    return lists


class Load:
    """`holdfast load --verify` at a moderate rate, by all servers."""

    def __init__(self, client, cluster, duration_s):
        self.report = cluster.scratch / "load.json"
        urls = ",".join(f"http://127.0.0.1:{one.port}" for one in cluster.servers)
        self.process = subprocess.Popen(
            [client, "load", "--server", urls, "--connections", "4", "--rate", "150/s", "--duration", f"{int(duration_s)}s",
             "--keys", "30", "--mix", MIX, "--verify", "--json", str(self.report)],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=open(cluster.scratch / "load.log", "wb"))

    def end(self):
        self.process.wait(120)
        try:
            return json.loads(self.report.read_text(encoding="utf-8"))["verification"]
        except OSError as error:
            log = (self.report.parent / "load.log").read_text(encoding="utf-8")
            raise AssertionError(f"the load has no report: {error}; {log[-500:]}") from error


def revive(cluster, seen):
    """No server ends by itself, whatever happens to the others."""
    for one in cluster.servers:
        if not one.runs():
            log = one.log.read_text(encoding="utf-8", errors="replace").splitlines()[-5:]
            seen.wrong.append(f"{one.name} has ended by itself with {one.process.returncode}: " + " | ".join(log))
            one.start()


def disturb(cluster, names, seed, until, began_at, seen):
    """@return how often each nemesis struck"""
    counts, cards, dice = {}, [], random.Random(seed)
    while time.monotonic() < until:
        if not cards:  # each once, in random order, and again
            cards = list(names)
            dice.shuffle(cards)
        name = cards.pop()
        # Of its own, so that what an earlier one has found does not change what this one does.
        one = Nemesis(cluster, random.Random(f"{seed} {sum(counts.values())}"))
        try:
            what, for_s, heal = getattr(one, name)()
        except OSError as error:
            say(began_at, f"{name} cannot be done now: {error}")
            continue
        say(began_at, f"{what}, for {for_s:.1f} s")
        counts[name] = counts.get(name, 0) + 1
        time.sleep(for_s)
        heal()
        revive(cluster, seen)
        time.sleep(dice.choice((0, 0.2, 1, 3)))
    return counts


def run(given, scratch):
    dice, seen = random.Random(given.seed), Seen()
    flags = given.flag
    began_at = time.monotonic()
    with Cluster(given.server, scratch, flags, QUOTA_BYTES) as cluster:
        cluster.await_leader()
        say(began_at, "a server leads")
        ports = [one.port for one in cluster.servers]
        setup = Caller(ports, dice, seen)
        for key in chaos_checks.ACCOUNT_KEYS:
            begin = time.monotonic()
            status, answer, content = ask_until_answered(setup, "PUT", f"/v1/kv/{key}", json.dumps({"balance": BALANCE}).encode())
            if status not in (201, 204):
                raise AssertionError(f"PUT {key}: {status} {content!r}")
            seen.versions.append(Version(key, {"balance": BALANCE}, int(answer["Holdfast-Revision"]), begin, time.monotonic(), True))
        Counter.is_guarded = "guard" not in given.without
        kinds = (Register, Register, Register, Transfer, Transfer, Appender, Appender, Counter, Counter, Counter, Watcher, Watcher)
        clients = [kind(number, ports, random.Random(f"{given.seed} {number}"), seen) for number, kind in enumerate(kinds)]
        for one in clients:
            one.start()
        load = Load(given.client, cluster, given.duration) if given.client else None
        time.sleep(2)  # undisturbed, as the load needs a server to begin with
        counts = disturb(cluster, given.only or ALL, given.seed, time.monotonic() + given.duration, began_at, seen)
        cluster.heal()
        cluster.await_leader()
        say(began_at, "all is healed; waiting for the clients")
        for one in clients:
            if not isinstance(one, Watcher):
                one.ends.set()
        for one in clients:
            if not isinstance(one, Watcher):
                one.join(60)
                if one.is_alive():
                    seen.wrong.append(f"{one.name} does not end")
        verification = load.end() if load else None
        # One more change, which the watchers must be told of.
        status, answer, content = ask_until_answered(setup, "PUT", "/v1/kv/chaos/last", b"1")
        final = int(answer["Holdfast-Revision"])
        deadline = time.monotonic() + 60
        watchers = [one for one in clients if isinstance(one, Watcher)]
        while any((one.last or 0) < final for one in watchers) and time.monotonic() < deadline:
            time.sleep(0.05)
        for one in watchers:
            one.ends.set()
        for one in watchers:
            one.join(20)
        lists, last_count = final_lists(setup), read_at_the_end(setup, seen)
        logs = {}
        for one, link in zip(cluster.servers, cluster.server_links):
            logs[link.url] = logs[str(one.port)] = one.log.read_text(encoding="utf-8", errors="replace")
    wrong = chaos_checks.check(seen, lists, last_count, final)
    unexplained, told_lost = chaos_checks.check_losses(seen, logs)
    leaders = chaos_checks.leaders(set(logs.values()))
    wrong += unexplained + chaos_checks.check_copies(leaders)
    if not given.only and given.duration >= 60:
        wrong += chaos_checks.check_struck(counts, ALL)
    if verification and verification["verdict"] != "linearizable":
        wrong.append(f"load --verify: {json.dumps(verification)[:2000]}")
    done = {"reads": sum(not one.is_write for one in seen.versions), "writes": sum(one.is_write for one in seen.versions),
            "snapshots": len(seen.snapshots), "appends": len(seen.appended), "counts": len(seen.counted),
            "grants": len(seen.grants), "locks lost": sum(one.refused_at is not None for one in seen.grants),
            "changes watched": sum(len(one.changes) for one in seen.watchers),
            "watches resumed": sum(one.resumed - 1 for one in seen.watchers), "told lost": told_lost,
            "leaders": leaders,
            "unanswered": seen.unanswered, "unreachable": seen.unreachable, "refused": seen.refusals}
    ends = sorted(one.end for one in seen.versions if one.is_write)
    pauses = sorted(((after - before, before - began_at) for before, after in zip(ends, ends[1:])), reverse=True)
    done["longest pauses of writes"] = [f"{took_s:.1f} s at {at_s:.0f} s" for took_s, at_s in pauses[:5]]
    if verification:
        done["verified operations"] = verification["operations"]
    too_little = [name for name in ("reads", "writes", "snapshots", "appends", "counts") if done[name] < given.duration / 4]
    if too_little:
        wrong.append(f"too little was done: {', '.join(too_little)}")
    return wrong, done, counts


def seconds(text):
    number, unit = re.fullmatch(r"(\d+)(s|m|h|)", text).groups()
    return int(number) * {"s": 1, "m": 60, "h": 3600, "": 1}[unit]


def main():
    options = argparse.ArgumentParser()
    options.add_argument("server")
    options.add_argument("--client", help="the program holdfast: its load is verified along")
    options.add_argument("--duration", type=seconds, default=60)
    options.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    options.add_argument("--only", type=lambda text: text.split(","), help=f"of: {', '.join(ALL)}")
    options.add_argument("--without", type=lambda text: text.split(","), default=[], help="guard: counts without Holdfast-Lock")
    options.add_argument("--expect", help="what every anomaly must match, and there must be one: a test of the checks")
    options.add_argument("--flag", action="append", default=[f"--cluster-lease={LEASE_S}s"], help="for each server")
    options.add_argument("--keep", help="a directory for logs and data, kept if something is wrong")
    given = options.parse_args()
    if not os.access(ETCD, os.X_OK):
        print(f"there is no {ETCD} (Debian: etcd-server)")
        sys.exit(77)
    print(f"seed {given.seed}", flush=True)
    scratch = pathlib.Path(given.keep or tempfile.mkdtemp(prefix="holdfast-chaos-"))
    scratch.mkdir(parents=True, exist_ok=True)
    wrong, done, counts = run(given, scratch)
    print(json.dumps(done), json.dumps(counts))
    if given.expect:
        found = [line for line in wrong if re.search(given.expect, line)]
        shutil.rmtree(scratch)
        sys.exit(None if found and len(found) == len(wrong) else f"seed {given.seed}: {len(found)} of {len(wrong)} anomalies are"
                 f" '{given.expect}'\n" + "\n".join(wrong[:20]))
    if wrong:
        sys.exit(f"seed {given.seed}, logs in {scratch}: {len(wrong)} anomalies\n" + "\n".join(wrong[:20]))
    shutil.rmtree(scratch)
    print(f"no anomaly, seed {given.seed}")


if __name__ == "__main__":
    main()
