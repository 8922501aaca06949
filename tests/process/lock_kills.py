"""kill -9 in the middle of traffic on named locks, again and again, on one data directory. After each start: whoever was told
of a ticket has it, those that wait stand in the order in which they asked, a token that was told is still that grant's, and
no new grant has a token that is not above all that were told before.

lock_kills.py SERVER [--kills N] [--seed N]: exits 1 and names the seed when that is not so.
"""

import argparse
import json
import pathlib
import random
import sys
import tempfile
import threading
import time

import server_process
from server_process import Client, Server

LOCKS = ("a", "b", "c")
CLIENTS = 6


class Ticket:
    def __init__(self, lock, name):
        self.lock, self.name = lock, name
        self.asked = self.told = None  # instants: when it was asked for, when the server had told of it
        self.token = 0  # that was told
        self.is_doubtful = False  # its release was asked for, and not answered


class Told:
    """All that the server has told anybody, over all its lives."""

    def __init__(self):
        self.guard, self.tickets, self.tokens, self.wrong = threading.Lock(), {}, {lock: 0 for lock in LOCKS}, []
        self.grants = self.released = 0

    def take(self, ticket, answer):
        """Takes what an answer says of a ticket."""
        with self.guard:
            ticket.told = ticket.told or time.monotonic()
            self.tickets[ticket.name] = ticket
            token = answer.get("token", 0)
            if ticket.token and token != ticket.token:
                self.wrong.append(f"the ticket {ticket.name} had the token {ticket.token}, and now {answer}")
            if token and not ticket.token:
                if token <= self.tokens[ticket.lock]:
                    self.wrong.append(f"{ticket.lock} was granted with {token}, after {self.tokens[ticket.lock]} was told")
                ticket.token = self.tokens[ticket.lock] = token
                self.grants += 1

    def forget(self, ticket):
        with self.guard:
            self.tickets.pop(ticket.name, None)
            self.released += 1

    def compare(self, shown):
        """What a lock looks like after a start."""
        lock = shown["name"]
        there = ([shown["holder"]] if shown["holder"] else []) + shown["queue"]
        places = {one["id"]: place for place, one in enumerate(there)}
        mine = [one for one in self.tickets.values() if one.lock == lock]
        for one in mine:
            if one.name not in places:
                if not one.is_doubtful:
                    self.wrong.append(f"the ticket {one.name} of {lock} is gone")
            elif one.token and there[places[one.name]].get("token") != one.token:
                self.wrong.append(f"{one.name} of {lock} was told {one.token}: {there[places[one.name]]}")
        kept = [one for one in mine if one.name in places]
        for one in kept:
            for other in kept:
                if one.told < other.asked and places[one.name] > places[other.name]:
                    self.wrong.append(f"{one.name} asked for {lock} before {other.name}, and stands behind it")


def run(port, number, dice, told, own):
    """Asks, looks, keeps and releases until the server is gone."""
    ticket = None
    try:
        with Client(port) as client:
            for count in range(1_000_000):
                ticket = dice.choice(own) if own and dice.random() < 0.7 else None
                if ticket is None:
                    if len(own) > 8:
                        continue
                    ticket = Ticket(dice.choice(LOCKS), f"{number}-{time.monotonic_ns()}-{count}")
                    ticket.asked = time.monotonic()
                    status, content = client.ask("POST", f"/v1/locks/{ticket.lock}?lease=1h&id={ticket.name}")
                    assert status in (201, 202), (status, content)
                    own.append(ticket)
                    told.take(ticket, json.loads(content))
                    continue
                path = f"/v1/locks/{ticket.lock}/tickets/{ticket.name}"
                if dice.random() < 0.5:
                    ticket.is_doubtful = True
                    status, content = client.ask("DELETE", path)
                    assert status == 204, (status, content)
                    own.remove(ticket)
                    told.forget(ticket)
                else:
                    status, content = client.ask(dice.choice(("GET", "PUT")), path)
                    assert status == 200 or (status == 202 and not ticket.token), (status, content)
                    told.take(ticket, json.loads(content))
    except (OSError, EOFError):
        pass
    except AssertionError as failed:
        told.wrong.append(f"{ticket and ticket.name}: {failed}")


def main():
    options = argparse.ArgumentParser()
    options.add_argument("server")
    options.add_argument("--kills", type=int, default=20)
    options.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    given = options.parse_args()
    server_process.SERVER = given.server
    dice, told, owns = random.Random(given.seed), Told(), [[] for _ in range(CLIENTS)]
    with tempfile.TemporaryDirectory(prefix="holdfast-lock-kills-") as scratch:
        server = Server("--threads", "2", data=pathlib.Path(scratch) / "data")
        with server:
            for kill in range(given.kills):
                threads = [threading.Thread(target=run, args=(server.port, number, random.Random(f"{given.seed} {kill} {number}"),
                                                              told, own)) for number, own in enumerate(owns)]
                for thread in threads:
                    thread.start()
                # Each life does some work first, however slow the machine is, and ends at a random moment after it.
                enough, limit = (told.grants + 2, told.released + 10), time.monotonic() + 20
                while (told.grants < enough[0] or told.released < enough[1]) and not told.wrong and time.monotonic() < limit:
                    time.sleep(0.01)
                time.sleep(dice.uniform(0.05, 0.6))
                server.kill()
                for thread in threads:
                    thread.join()
                server.start()
                server.__enter__()
                with Client(server.port) as client:
                    for lock in LOCKS:
                        shown = json.loads(client.ask("GET", f"/v1/locks/{lock}?limit=1000")[1])
                        told.compare(shown)
                        left = {one["id"] for one in ([shown["holder"]] if shown["holder"] else []) + shown["queue"]}
                        for own in owns:
                            for ticket in [one for one in own if one.lock == lock]:
                                if ticket.name not in left:
                                    own.remove(ticket)
                                    told.forget(ticket)
                                ticket.is_doubtful = False
                        # Whose answer the kill cut off has no owner; kept, it would hold the lock in all later lives.
                        for name in left - {ticket.name for own in owns for ticket in own}:
                            status, content = client.ask("DELETE", f"/v1/locks/{lock}/tickets/{name}")
                            assert status == 204, (status, content)
                if told.wrong:
                    break
    if not told.wrong and (told.grants < 2 * given.kills or told.released < 10 * given.kills):
        told.wrong.append(f"too little has happened: {told.grants} grants, {told.released} released")
    if told.wrong:
        sys.exit(f"seed {given.seed}: " + "\n".join(told.wrong[:10]))
    print(f"{given.kills} kills, {told.grants} grants, {told.released} released tickets: all as told")


if __name__ == "__main__":
    main()
