"""What named locks cost: 10,000 tickets on one lock, and 100,000 locks with a ticket each.

locks.py SERVER, with tests/process in PYTHONPATH
"""

import os
import sys
import time

import server_process
from server_process import Client, Server, request

TICKETS, LOCKS, BATCH, HAND_OVERS, IDLE_S = 10_000, 100_000, 100, 500, 10


def ask_for(client, paths):
    """Asks for all of them, many at once. @return how long it took"""
    began = time.perf_counter()
    for first in range(0, len(paths), BATCH):
        batch = paths[first:first + BATCH]
        client.send(b"".join(request("POST", path) for path in batch))
        for path in batch:
            status, content = client.receive()
            if status not in (201, 202):
                sys.exit(f"{path}: {status} {content!r}")
    return time.perf_counter() - began


def cpu_s(server):
    with open(f"/proc/{server.process.pid}/stat", encoding="ascii") as stat:
        fields = stat.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def idle_cpu_ms(server):
    """Processor time of a second in which nobody asks for anything."""
    before = cpu_s(server)
    time.sleep(IDLE_S)
    return 1000 * (cpu_s(server) - before) / IDLE_S


def hand_overs(server):
    """From sending a release until the one that waits next has its answer, in milliseconds, sorted."""
    times = []
    with Client(server.port) as holder, Client(server.port) as waiter:
        for number in range(HAND_OVERS):
            waiter.send(request("GET", f"/v1/locks/l/tickets/{number + 1}?wait=25s"))
            time.sleep(0.002)  # it waits by then
            began = time.perf_counter()
            holder.send(request("DELETE", f"/v1/locks/l/tickets/{number}"))
            status, content = waiter.receive()
            times.append(1000 * (time.perf_counter() - began))
            if status != 200 or b'"held"' not in content or holder.receive()[0] != 204:
                sys.exit(f"no hand-over: {status} {content!r}")
    return sorted(times)


def main():
    server_process.SERVER = sys.argv[1]
    with Server("--threads", "1") as server, Client(server.port) as client:
        before = server.own_bytes()
        took = ask_for(client, [f"/v1/locks/l?lease=1h&id={number}" for number in range(TICKETS)])
        print(f"{TICKETS} tickets on one lock: {(server.own_bytes() - before) / TICKETS:.0f} bytes each (with their history), "
              f"asked for in {took:.2f} s")
        times = hand_overs(server)
        print(f"hand-over to a long poll, {TICKETS - HAND_OVERS} to {TICKETS} waiting: median {times[len(times) // 2]:.3f} ms, "
              f"p99 {times[len(times) * 99 // 100]:.3f} ms")
    with Server("--threads", "1") as server, Client(server.port) as client:
        idle_before, before = idle_cpu_ms(server), server.own_bytes()
        took = ask_for(client, [f"/v1/locks/l{number}?lease=1h&id=a" for number in range(LOCKS)])
        print(f"{LOCKS} locks with one ticket: {(server.own_bytes() - before) / LOCKS:.0f} bytes each (with their history), "
              f"asked for in {took:.2f} s")
        print(f"processor time of an idle server: {idle_before:.1f} ms/s without a lease, {idle_cpu_ms(server):.1f} ms/s with {LOCKS}")


if __name__ == "__main__":
    main()
