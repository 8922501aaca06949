"""Judges what the clients of chaos.py have seen: by revisions, which order all changes, and by real time."""

import bisect
import collections
import datetime
import heapq
import json
import re

from chaos_clients import ACCOUNTS, BALANCE, LOCK_LEASE_S, Transfer

LIST, LAST = "chaos/list-", "chaos/last"  # the keys of the lists, and of the write after all others


def text_of(value):
    return json.dumps(value)


def replay(seen):
    """@return the versions of each key by revision, also those of which only watchers were told, and what is wrong with what
    was told of them."""
    wrong, known = [], {}
    for one in seen.versions:
        versions = known.setdefault(one.key, {0: None})
        if versions.setdefault(one.revision, one.value) != one.value:
            wrong.append(f"{one.key} at {one.revision} is {one.value!r}, and was {versions[one.revision]!r}")
        if (one.key, text_of(one.value)) in seen.refused_values and one.value is not None:
            wrong.append(f"{one.key} is {one.value!r} at {one.revision}, whose write was refused")
    for watcher in seen.watchers:
        for one in watcher.changes:
            if one.key not in known and one.key not in seen.unknown:
                continue  # check_events() judges it
            if known.setdefault(one.key, {0: None}).setdefault(one.revision, one.value) != one.value:
                wrong.append(f"{watcher.name} was told that {one.key} at {one.revision} is {one.value!r},"
                             f" which is {known[one.key][one.revision]!r}")
    writes = {}
    for one in seen.versions:
        if one.is_write:
            if one.revision in writes.setdefault(one.key, {}):
                wrong.append(f"two writes of {one.key} have the revision {one.revision}")
            writes[one.key][one.revision] = one
    for key, versions in known.items():
        done = writes.get(key, {})
        order = sorted(versions)
        at = {}
        for revision in order:
            if at.setdefault(text_of(versions[revision]), revision) != revision:
                wrong.append(f"{key} was {versions[revision]!r} at {at[text_of(versions[revision])]}, and again at {revision}")
        for before, revision in zip(order, order[1:]):
            made_by = done.get(revision)
            if made_by is None:
                if text_of(versions[revision]) not in seen.unknown.get(key, ()):
                    wrong.append(f"nobody wrote {versions[revision]!r}, which was {key} at {revision}")
            elif made_by.prior is not None and made_by.prior != before:
                wrong.append(f"{key} was replaced at {revision} where it was that of {made_by.prior}, but it was changed at {before}")
    return known, wrong


def check_revisions(seen):
    """Each revision is that of one change of one key, whoever led."""
    wrong, owners = [], {}
    for revision, whose in ([(one.revision, one.key) for one in seen.versions if one.revision]
                            + [(one.token, "a grant") for one in seen.grants]
                            + [(one.revision, one.key) for watcher in seen.watchers for one in watcher.changes]):
        if owners.setdefault(revision, whose) != whose:
            wrong.append(f"the revision {revision} is that of {whose}, and of {owners[revision]}")
    tokens = collections.Counter(one.token for one in seen.grants)
    return wrong + [f"the token {token} was granted twice" for token, times in tokens.items() if times > 1]


def real_time(operations, name, told=()):
    """Operations that one after the other tell a revision: who begins after another has ended must not be behind it, and a
    write must be beyond it. @param operations (begin, end, revision, is_write) @param told by watches: (time, revision)"""
    wrong, ended, latest = [], sorted(told), 0
    for begin, end, revision, is_write in sorted(operations):
        while ended and ended[0][0] < begin:
            latest = max(latest, heapq.heappop(ended)[1])
        if revision < latest or (is_write and revision == latest):
            wrong.append(f"{name}: at {begin:.6f} {'a write' if is_write else 'a read'} at {revision} after {latest} was told")
        heapq.heappush(ended, (end, revision))
    return wrong


def check_time(seen):
    wrong, keys, told = [], {}, {}
    for one in seen.versions:
        keys.setdefault(one.key, []).append((one.begin, one.end, one.revision, one.is_write))
    for watcher in seen.watchers:
        for one in watcher.changes:
            told.setdefault(one.key, []).append((one.at, one.revision))
    for key, operations in keys.items():
        wrong += real_time(operations, key, told.get(key, ()))
        written = max((end for _, end, _, is_write in operations if is_write), default=None)
        if written is not None and not any(begin > written and not is_write for begin, _, _, is_write in operations):
            wrong.append(f"{key} was not read after its last write")
    # All keys together: what a transaction reads is as new as any write that had ended.
    everything = [(one.begin, one.end, one.revision, True) for one in seen.versions if one.is_write]
    # A transfer is two writes that end together.
    together = {}
    for begin, end, revision, _ in everything:
        together[begin, end] = max(revision, together.get((begin, end), 0))
    everything = [(begin, end, revision, True) for (begin, end), revision in together.items()]
    everything += [(one.begin, one.end, one.revision, False) for one in seen.snapshots]
    return wrong + real_time(everything, "all keys", sum(told.values(), []))


def check_snapshots(seen, known):
    """The sum never changes, and each snapshot is what the keys were at its revision."""
    wrong, in_order = [], {key: sorted(versions) for key, versions in known.items()}
    for one in seen.snapshots:
        total = sum(value["balance"] for _, value in one.versions.values())
        if len(one.versions) != ACCOUNTS or total != ACCOUNTS * BALANCE:
            wrong.append(f"the accounts have {total} together at {one.revision}: {one.versions}")
        for key, (revision, _) in one.versions.items():
            at = bisect.bisect_right(in_order[key], revision)
            if at < len(in_order[key]) and (newer := in_order[key][at]) <= one.revision:
                wrong.append(f"at {one.revision} {key} was told to be that of {revision}, but it was changed at {newer}")
    return wrong


def check_lists(seen, lists):
    """Each element that was acknowledged is there once, in the order in which its client appended, and no other."""
    wrong = []
    doubtful = set(seen.doubtful_appends)
    appended = {}
    for key, element in seen.appended:
        appended.setdefault(key, []).append(element)
    for key, elements in lists.items():
        there = [one for one in elements if (key, one) not in doubtful]
        twice = {one for one in elements if elements.count(one) > 1} if len(set(elements)) != len(elements) else set()
        if there != appended.get(key, []) or twice:
            lost = [one for one in appended.get(key, []) if one not in set(elements)]
            wrong.append(f"{key} has {len(elements)} elements, {len(appended.get(key, []))} were acknowledged; lost: {lost[:5]},"
                         f" more than once: {sorted(twice)[:5]}")
    for key in appended:
        if key not in lists:
            wrong.append(f"{key} is gone")
    return wrong


def check_counts(seen, last):
    """Nothing that was counted under the lock is lost, and no earlier holder counts after a later one."""
    wrong, order = [], sorted(seen.counted, key=lambda one: one[2])
    for (number, token, revision), (next_number, next_token, next_revision) in zip(order, order[1:]):
        if next_number <= number:
            wrong.append(f"counted to {number} at {revision}, and then to {next_number} at {next_revision}")
        if next_token < token:
            wrong.append(f"the holder of {next_token} wrote at {next_revision}, after that of {token} at {revision}")
    most = len(order) + len(seen.doubtful_counts)
    if not len(order) <= last <= most:
        wrong.append(f"counted to {last}, by {len(order)} writes that were acknowledged and {most - len(order)} of unknown outcome")
    return wrong


def check_grants(seen):
    """One at a time holds the lock, for as long as its lease at least, and who has asked earlier gets it earlier."""
    wrong, held_until, by = [], 0, None
    for one in sorted(seen.grants, key=lambda one: one.token):
        lease_end = one.granted_after + LOCK_LEASE_S
        if one.told_at < held_until:
            wrong.append(f"{one.token} was granted {held_until - one.told_at:.3f} s before the lease of {by} could end")
        if one.refused_at is not None and one.refused_at < lease_end:
            wrong.append(f"the holder of {one.token} was told that it has lost the lock {lease_end - one.refused_at:.3f} s"
                         " before its lease could end")
        until = lease_end if one.left_at is None else min(lease_end, one.left_at)
        if until > held_until:
            held_until, by = until, one.token
    asked_until, by = float("inf"), None  # the earliest of all that were granted later
    for one in sorted(seen.grants, key=lambda one: -one.token):
        if asked_until < one.asked_from:
            wrong.append(f"{one.token} was granted before {by}, which was in the queue"
                         f" {one.asked_from - asked_until:.3f} s earlier")
        if one.asked_until < asked_until:
            asked_until, by = one.asked_until, one.token
    return wrong


def check_events(seen, known, lists, final):
    """No watcher was told of a change that nobody can have made. What replay() knows it has judged."""
    wrong = []
    for watcher in seen.watchers:
        for one in watcher.changes:
            if one.kind != "put":
                is_so = False  # nobody deletes
            elif one.key.startswith(LIST):  # only grows
                is_so = isinstance(one.value, list) and one.value == lists.get(one.key, [])[:len(one.value)]
            elif one.key == LAST:
                is_so = one.revision == final
            else:
                is_so = one.key in known
            if not is_so:
                wrong.append(f"{watcher.name} was told of a change that nobody has made: {one}")
    return wrong


def check_watchers(seen, known, final):
    """Each was told of every change, once, in order, but for gaps that it was told of."""
    wrong = []
    for one in seen.watchers:
        told, latest = {}, {}
        for change in one.changes:
            if change.revision in told:
                wrong.append(f"{one.name} was told of {change.revision} twice")
            told[change.revision] = change
            before = latest.get(change.key)
            if before is not None and change.previous != before and not any(low < change.previous <= high for low, high in one.gaps):
                wrong.append(f"{one.name} was told of {change.key} at {change.revision}, which was {change.previous} before;"
                             f" but it had been told of {before}")
            latest[change.key] = change.revision
        for key, versions in known.items():
            for revision, value in versions.items():
                if revision == 0 or any(low < revision <= high for low, high in one.gaps):
                    continue
                if revision not in told:
                    if revision <= (one.last or 0) or one.last is None:
                        wrong.append(f"{one.name} was not told of {key} at {revision}")
                elif told[revision].key != key or told[revision].value != value:
                    wrong.append(f"{one.name} was told of {told[revision]}, which is {key} with {value!r}")
        if (one.last or 0) < final:
            wrong.append(f"{one.name} has come to {one.last}, and the data to {final}")
    return wrong


HISTORY_CHANGES_MAX = 65_536


def events_of(log):
    """The lines of a server's log: time, event, fields."""
    for line in log.splitlines():
        found = re.match(r"(\S+)Z \w+ (.*?)((?: \w+=(?:\"[^\"]*\"|\S+))*)$", line)
        if found:
            at = datetime.datetime.fromisoformat(found[1] + "+00:00").timestamp()
            yield at, found[2], dict(re.findall(r"(\w+)=(\"[^\"]*\"|\S+)", found[3]))


def why_lost(loss, log):
    """Why a leader did not know the changes that it said were lost. @return a reason, or an anomaly"""
    copied_at = recovered = source = None  # of the latest time as a standby, and as the leader
    for at, event, fields in events_of(log):
        if at > loss.at + 0.01:
            break
        if event == "standing by":
            copied_at = recovered = source = None
        elif event == "data copied":
            copied_at = int(fields["revision"])
        elif event == "recovered":
            recovered = int(fields["revision"]), int(fields["changes_from"])
        elif event == "leading":
            source = fields["data"]
    if recovered is None:
        return None, "said by a server that did not lead"
    revision, known_from = recovered
    if loss.until - loss.after >= HISTORY_CHANGES_MAX:
        return "too far behind", None
    if loss.after + 1 >= known_from:
        return None, f"but the leader had all changes from {known_from} on"
    if source != "copy":
        return "the leader had no complete copy", None
    if known_from <= (copied_at or 0) + 1:
        return "the leader made its copy later", None
    if revision - known_from + 1 >= HISTORY_CHANGES_MAX:
        return "too far behind", None
    return None, f"but the leader has followed all changes since {copied_at}, and knows them only from {known_from} on"


def check_losses(seen, logs):
    """Who is told that changes are lost was late for a reason. @param logs by the name of a server that watchers know.
    @return what is wrong, and how often there was which reason"""
    wrong, reasons = [], {}
    for one in seen.losses:
        reason, anomaly = why_lost(one, logs[one.server])
        if anomaly:
            wrong.append(f"{one.watcher} was told that the changes after {one.after} are lost, {anomaly}")
        else:
            reasons[reason] = reasons.get(reason, 0) + 1
    return wrong, reasons


def leaders(logs):
    """@return how many leaders began with a copy of the data, and how many with those in etcd"""
    sources = [fields["data"] for log in logs for _, event, fields in events_of(log) if event == "leading"]
    return {one: sources.count(one) for one in ("copy", "etcd")}


def check_copies(by_source):
    """Most leaders had a copy, else what check_losses() lets pass says nothing. @param by_source see leaders()"""
    without, count = by_source["etcd"], sum(by_source.values())
    return [f"{without} of {count} leaders had no copy of the data"] if count >= 4 and 2 * without >= count else []


def check_struck(counts, names):
    """@param counts how often each disturbance struck"""
    if 2 * len(counts) > len(names):
        return []
    return [f"only these disturbances could be done: {', '.join(counts)}"]


def check(seen, lists, last_count, final):
    known, wrong = replay(seen)
    wrong += check_time(seen)
    wrong += check_snapshots(seen, known)
    wrong += check_lists(seen, lists)
    wrong += check_counts(seen, last_count)
    wrong += check_revisions(seen)
    wrong += check_grants(seen)
    wrong += check_events(seen, known, lists, final)
    wrong += check_watchers(seen, known, final)
    return seen.wrong + wrong


ACCOUNT_KEYS = [Transfer.key(number) for number in range(ACCOUNTS)]
