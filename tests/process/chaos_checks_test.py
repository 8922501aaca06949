"""What chaos.py says of histories that a cluster must never show, made by hand: each is found, and a good one passes.

chaos_checks_test.py
"""

import types

import chaos_checks
from chaos_checks import ACCOUNT_KEYS, LAST
from chaos_clients import BALANCE, Change, Grant, LOCK_LEASE_S, Loss, Seen, Snapshot, Version

FINAL = 100  # the revision of the last write


def watcher(changes, gaps=((0, 9),), last=FINAL):
    """It began at 9, after the accounts."""
    return types.SimpleNamespace(name="watcher", changes=list(changes), gaps=list(gaps), last=last, resumed=1)


def told(key, revision, previous, value, at, kind="put"):
    return Change(kind, key, revision, previous, value, at)


class History:
    """Two writes of one key, two turns with the lock, a list; then each key is read once more."""

    def __init__(self):
        self.seen, self.lists, self.count = Seen(), {"chaos/list-a-0": ["a-1", "a-2"]}, 2
        seen = self.seen
        for number, key in enumerate(ACCOUNT_KEYS):
            seen.versions.append(Version(key, {"balance": BALANCE}, number + 1, 0.1 * number, 0.1 * number + 0.05, True))
        seen.versions += [Version("r", "x", 10, 1, 1.1, True, 0), Version("r", "y", 11, 2, 2.1, True, 10)]
        self.grants = [Grant(20, 3, 3.1, 3, 3.1, 3.4), Grant(30, 3.2, 3.3, 3.2, 3.5, 4)]
        seen.grants += self.grants
        for number, (token, revision, at) in enumerate(((20, 21, 3.2), (30, 31, 3.6)), 1):
            seen.counted.append((number, token, revision))
            seen.versions.append(Version("c", {"number": number, "token": token}, revision, at, at + 0.1, True))
        seen.appended += [("chaos/list-a-0", "a-1"), ("chaos/list-a-0", "a-2")]
        seen.snapshots.append(Snapshot(40, {key: (number + 1, {"balance": BALANCE}) for number, key in enumerate(ACCOUNT_KEYS)},
                                       5, 5.1))
        self.changes = [told("r", 10, 0, "x", 1.2), told("r", 11, 10, "y", 2.2),
                        told("c", 21, 0, {"number": 1, "token": 20}, 3.4), told("c", 31, 21, {"number": 2, "token": 30}, 3.8),
                        told("chaos/list-a-0", 50, 0, ["a-1"], 6), told("chaos/list-a-0", 51, 50, ["a-1", "a-2"], 6.1),
                        told(LAST, FINAL, 0, 1, 9)]
        self.ends = [Version("r", "y", 11, 10, 10.1, False), Version("c", {"number": 2, "token": 30}, 31, 10, 10.1, False),
                     *(Version(key, {"balance": BALANCE}, number + 1, 10, 10.1, False) for number, key in enumerate(ACCOUNT_KEYS))]

    def judge(self):
        self.seen.versions += self.ends
        self.seen.watchers.append(watcher(self.changes))
        return chaos_checks.check(self.seen, self.lists, self.count, FINAL)


def an_acknowledged_write_is_lost_and_read_no_more(history):
    history.ends[0] = Version("r", "x", 10, 10, 10.1, False)


def a_key_is_not_read_at_the_end(history):
    del history.ends[0]


def a_read_is_older_than_one_before(history):
    history.seen.versions.append(Version("r", "x", 10, 3, 3.1, False))


def two_leaders_use_one_revision_for_two_keys(history):
    history.seen.versions.append(Version("q", "z", 11, 1.9, 2.2, True, 0))
    history.ends.append(Version("q", "z", 11, 10, 10.1, False))


def a_revision_is_that_of_a_grant_too(history):
    history.grants[1].token = 11


def one_token_is_granted_twice(history):
    history.grants[1].token = 20


def a_grant_comes_while_another_client_holds_the_lock(history):
    history.grants[0].left_at = 3.9


def a_grant_comes_before_the_lease_of_a_silent_holder_ends(history):
    history.grants[0].left_at = None


def a_holder_loses_the_lock_within_its_lease(history):
    history.grants[1].refused_at = history.grants[1].granted_after + LOCK_LEASE_S / 2


def who_came_later_is_granted_earlier(history):
    history.grants[1].asked_from, history.grants[1].asked_until = 1, 1.1
    history.grants[0].asked_from = 1.2


def an_old_holder_counts_after_a_new_one(history):
    history.seen.counted.append((3, 20, 32))
    history.count = 3


def a_count_is_lost(history):
    history.count = 1


def a_transfer_is_seen_half(history):
    history.seen.snapshots[0].versions[ACCOUNT_KEYS[0]] = (1, {"balance": BALANCE - 10})


def an_element_is_there_twice(history):
    history.lists["chaos/list-a-0"].append("a-2")


def an_element_that_nobody_knows_the_outcome_of_is_there_twice(history):
    history.seen.doubtful_appends.append(("chaos/list-a-0", "a-3"))
    history.lists["chaos/list-a-0"] += ["a-3", "a-3"]


def a_write_of_unknown_outcome_is_done_twice(history):
    history.seen.unknown["r"] = {'"w"'}
    history.changes[2:2] = [told("r", 12, 11, "w", 2.3), told("r", 13, 12, "w", 2.4)]
    history.ends[0] = Version("r", "w", 13, 10, 10.1, False)


def a_watcher_misses_a_change(history):
    del history.changes[1]


def a_watcher_is_told_of_a_change_that_was_never_committed(history):
    history.seen.unknown["r"] = {'"w"'}
    history.changes.insert(2, told("r", 12, 11, "w", 2.3))


def a_watcher_is_told_of_a_value_that_nobody_wrote(history):
    history.changes.insert(2, told("r", 12, 11, "phantom", 2.3))
    history.ends[0] = Version("r", "phantom", 12, 10, 10.1, False)


def a_watcher_is_told_of_a_write_that_was_refused(history):
    history.seen.refused_values.add(("q", '"n"'))
    history.changes.insert(2, told("q", 12, 0, "n", 2.3))


def a_watcher_is_told_of_a_key_that_nobody_wrote(history):
    history.changes.insert(2, told("z", 12, 0, "phantom", 2.3))


def a_watcher_is_told_of_a_deletion(history):
    history.changes.insert(2, told("r", 12, 11, None, 2.3, "delete"))


def a_watcher_is_told_of_a_list_as_it_never_was(history):
    history.changes[4] = told("chaos/list-a-0", 50, 0, ["a-2"], 6)


FOUND = {
    an_acknowledged_write_is_lost_and_read_no_more: "r: at 10.000000 a read at 10 after 11 was told",
    a_key_is_not_read_at_the_end: "r was not read after its last write",
    a_read_is_older_than_one_before: "r: at 3.000000 a read at 10 after 11 was told",
    two_leaders_use_one_revision_for_two_keys: "the revision 11 is that of q, and of r",
    a_revision_is_that_of_a_grant_too: "the revision 11 is that of a grant, and of r",
    one_token_is_granted_twice: "the token 20 was granted twice",
    a_grant_comes_while_another_client_holds_the_lock: "30 was granted 0.400 s before the lease of 20 could end",
    a_grant_comes_before_the_lease_of_a_silent_holder_ends: "30 was granted 0.500 s before the lease of 20 could end",
    a_holder_loses_the_lock_within_its_lease: "the holder of 30 was told that it has lost the lock 0.500 s before",
    who_came_later_is_granted_earlier: "20 was granted before 30, which was in the queue 0.100 s earlier",
    an_old_holder_counts_after_a_new_one: "the holder of 20 wrote at 32, after that of 30 at 31",
    a_count_is_lost: "counted to 1, by 2 writes",
    a_transfer_is_seen_half: "the accounts have 490 together",
    an_element_is_there_twice: "more than once: ['a-2']",
    an_element_that_nobody_knows_the_outcome_of_is_there_twice: "more than once: ['a-3']",
    a_write_of_unknown_outcome_is_done_twice: "r was 'w' at 12, and again at 13",
    a_watcher_misses_a_change: "watcher was not told of r at 11",
    a_watcher_is_told_of_a_change_that_was_never_committed: "r: at 10.000000 a read at 11 after 12 was told",
    a_watcher_is_told_of_a_value_that_nobody_wrote: "nobody wrote 'phantom', which was r at 12",
    a_watcher_is_told_of_a_write_that_was_refused: "told of a change that nobody has made: Change(kind='put', key='q'",
    a_watcher_is_told_of_a_key_that_nobody_wrote: "told of a change that nobody has made: Change(kind='put', key='z'",
    a_watcher_is_told_of_a_deletion: "told of a change that nobody has made: Change(kind='delete'",
    a_watcher_is_told_of_a_list_as_it_never_was: "told of a change that nobody has made: Change(kind='put', key='chaos/list-a-0'",
}


def log(*lines):
    """A server's log, with a line a second."""
    return "\n".join(f"1970-01-01T00:00:{number:02d}.000Z info {line}" for number, line in enumerate(lines, 1))


def lead(data):
    return ("standing by cluster=chaos", *(["data copied revision=5"] if data == "copy" else []),
            f"leading cluster=chaos term=3 data={data}", "recovered revision=12 changes_from=13")


def losses_are_judged():
    seen = Seen()
    seen.losses = [Loss("watcher", 9, 12, 50.0, "url")]
    wrong, reasons = chaos_checks.check_losses(seen, {"url": log(*lead("etcd"))})
    assert not wrong and reasons == {"the leader had no complete copy": 1}, (wrong, reasons)
    wrong, _ = chaos_checks.check_losses(seen, {"url": log(*lead("copy"))})
    assert "has followed all changes since 5" in wrong[0], wrong
    # That no leader ever has a copy explains no loss.
    many = log(*lead("etcd"), *lead("etcd"), *lead("etcd"), *lead("etcd"))
    assert "4 of 4 leaders had no copy" in chaos_checks.check_copies(chaos_checks.leaders([many]))[0]
    assert not chaos_checks.check_copies({"copy": 3, "etcd": 1})


def who_never_strikes_is_told():
    names = [f"nemesis{number}" for number in range(12)]
    assert chaos_checks.check_struck({name: 3 for name in names[:6]}, names)
    assert not chaos_checks.check_struck({name: 1 for name in names[:7]}, names)


if __name__ == "__main__":
    said = History().judge()
    assert not said, said
    for break_it, wanted in FOUND.items():
        one = History()
        break_it(one)
        said = one.judge()
        assert any(wanted in line for line in said), (break_it.__name__, said)
        print(f"{break_it.__name__}: {wanted}")
    losses_are_judged()
    who_never_strikes_is_told()
