"""Processor time of a request at the leader of a cluster, and through a standby: that of both servers together.

forward.py SERVER CLIENT [SECONDS]
"""

import json
import os
import subprocess
import sys
import tempfile

from cluster import Cluster

ROUNDS = 3
TICK_S = 1 / os.sysconf("SC_CLK_TCK")
LOADS = (("get64", 64, "get=100"), ("put64", 64, "put=100"), ("get1", 1, "get=100"))


def cpu_s(server):
    """Of its process, up to now."""
    with open(f"/proc/{server.process.pid}/stat", encoding="ascii") as text:
        fields = text.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * TICK_S


def measure(client, at, servers, connections, mix, seconds):
    """@return requests a second, microseconds of a request at each server"""
    before = [cpu_s(one) for one in servers]
    said = subprocess.run([client, "load", "--server", f"http://127.0.0.1:{at.port}", "-c", str(connections), "-d", f"{seconds}s",
                           "--mix", mix, "--json", "--quiet"], stdout=subprocess.PIPE, check=True)
    took = [cpu_s(one) - then for one, then in zip(servers, before)]
    rate = json.loads(said.stdout)["throughput_per_s"]
    requests = rate * seconds
    return rate, [one / requests * 1e6 for one in took]


def main():
    server, client = sys.argv[1:3]
    seconds = int(sys.argv[3]) if len(sys.argv) > 3 else 4
    with tempfile.TemporaryDirectory(prefix="holdfast-forward-") as scratch, Cluster(server, scratch, ["--reads=lease"]) as cluster:
        cluster.await_leader()
        leader = cluster.servers[cluster.leader()]
        standby = next(one for one in cluster.servers if one is not leader)
        print("           direct: requests/s, leader     through a standby: requests/s, leader + standby     in all")
        for name, connections, mix in LOADS:
            best = None
            for _ in range(ROUNDS):
                direct, (alone, _) = measure(client, leader, (leader, standby), connections, mix, seconds)
                through, (of_leader, of_standby) = measure(client, standby, (leader, standby), connections, mix, seconds)
                ratio = (of_leader + of_standby) / alone
                if best is None or ratio < best[0]:
                    best = ratio, direct, alone, through, of_leader, of_standby
            ratio, direct, alone, through, of_leader, of_standby = best
            print(f"{name:8} {direct:12,.0f} {alone:12.1f} us {through:20,.0f} {of_leader:12.1f} + {of_standby:.1f} us {ratio:14.2f} x")


if __name__ == "__main__":
    main()
