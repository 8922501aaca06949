#!/usr/bin/env python3
"""What a cluster costs: three etcd and three servers on this machine, beside etcd itself and beside a single server.

puts      durable puts to the leader, beside puts to the leader of etcd, through its JSON gateway
reads     GETs from the leader, confirmed and by lease, beside a single server that keeps its data and beside etcd's own,
          linearizable, from its leader through its JSON gateway
forward   processor time of requests through a standby, that of both servers, beside the same requests to the leader and
          through nginx as a proxy in front of it
failover  kill -9 and SIGTERM of the leader, until a write has been answered

Each figure is the median of rounds in which all subjects have their burst in turns. Ratios are medians of the rounds'."""

import argparse
import base64
import contextlib
import http.client
import json
import pathlib
import statistics
import tempfile
import time

from cluster import Cluster, get
from machine import BUILT, SCRATCH, about, cpu_ns, hammer, read_hammer
from server_process import Process, Server, free_port
import server_process

SERVER = str(BUILT / "holdfast-server")
HERE = pathlib.Path(__file__).parent
LEASE = "2s"
VALUE_BYTES = 100
PUTS = {"method": "PUT", "path": "/v1/kv/key-", "keys": 10_000, "body": VALUE_BYTES, "random_body": True}
GETS = {"method": "GET", "path": "/v1/kv/key-1"}


def table(columns, rows):
    print("\n| " + " | ".join(columns) + " |\n|" + "---|" * len(columns))
    for row in rows:
        print("| " + " | ".join(row) + " |", flush=True)


def burst(port, processes, seconds, load):
    """The client's report, with the processor time of a request at each process, in microseconds."""
    before = [cpu_ns(one.process.pid) for one in processes]
    said = read_hammer(hammer(port, None, seconds, **load))
    if said["errors"]:
        raise SystemExit(f"{said['errors']} of {said['requests']} requests failed")
    said["cpu_us"] = [(cpu_ns(one.process.pid) - then) / 1e3 / said["requests"] for one, then in zip(processes, before)]
    return said


def in_turns(subjects, options):
    """@param subjects a name: (port, processes, load)  @return a name: the bursts"""
    for port, processes, load in subjects.values():
        burst(port, processes, 0.3, load)
    rounds = [{name: burst(port, processes, options.seconds, load) for name, (port, processes, load) in subjects.items()}
              for _ in range(options.rounds)]
    return {name: [one[name] for one in rounds] for name in subjects}


def median(bursts, key):
    return statistics.median(one[key] for one in bursts)


def ratio(bursts, peers, key):
    return statistics.median(one[key] / peer[key] for one, peer in zip(bursts, peers))


def leader_and_standby(cluster):
    leader = cluster.servers[cluster.leader()]
    return leader, next(one for one in cluster.servers if one is not leader)


def leading_etcd(cluster):
    """The member that leads, for which no other member passes requests on."""
    for one in cluster.etcds:
        told = one.ask("/v3/maintenance/status")
        if told["leader"] == told["header"]["member_id"]:
            return one
    raise SystemExit("etcd has no leader")


def etcd_call(path, **what):
    body = json.dumps({name: base64.b64encode(text).decode() for name, text in what.items()})
    return {"request": f"POST {path} HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n"
                       f"Content-Length: {len(body)}\r\n\r\n{body}"}


ETCD_PUT = etcd_call("/v3/kv/put", key=b"key-12345", value=b"x" * VALUE_BYTES)
ETCD_GET = etcd_call("/v3/kv/range", key=b"key-12345")


def puts(cluster, options):
    leader, _ = leader_and_standby(cluster)
    etcd = leading_etcd(cluster)
    rows = []
    for connections in (1, 64):
        of = in_turns({"holdfast": (leader.port, [leader, *cluster.etcds], {"connections": connections, **PUTS}),
                       "etcd": (etcd.port, cluster.etcds, {"connections": connections, **ETCD_PUT})}, options)
        for name, bursts in of.items():
            rows.append([str(connections), name, f"{median(bursts, 'rps'):,.0f}", f"{ratio(of['holdfast'], bursts, 'rps'):.2f}",
                         f"{median(bursts, 'p50_us'):,.0f}", f"{ratio(of['holdfast'], bursts, 'p50_us'):.2f}",
                         f"{median(bursts, 'p99_us'):,.0f}"])
    table(["connections", "", "puts/s", "holdfast ÷ it", "p50 µs", "holdfast ÷ it", "p99 µs"], rows)


class Leader(Process):
    """The only server of another cluster in the same etcd."""

    def __init__(self, etcds, name, *flags):
        self.port = free_port()
        super().__init__([SERVER, "--listen", f"127.0.0.1:{self.port}", "--threads", "1", "--writer-period", "0", "--cluster", name,
                          "--etcd", ",".join(f"http://127.0.0.1:{one.port}" for one in etcds),
                          "--advertise", f"http://127.0.0.1:{self.port}", *flags])

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.kill()


def put_until_answered(port, patience_s=30):
    due = time.monotonic() + patience_s
    while time.monotonic() < due:
        with contextlib.suppress(OSError):
            if get(port, "/v1/kv/key-1", 10, "PUT", b'"hello, world"')[0] in (201, 204):
                return
        time.sleep(0.005)
    raise SystemExit("no write is answered")


def reads(cluster, options):
    leader, _ = leader_and_standby(cluster)
    etcd = leading_etcd(cluster)
    server_process.SERVER = SERVER
    with tempfile.TemporaryDirectory(prefix="single-", dir=SCRATCH) as data, Server("--threads", "1", data=data) as single, \
            Leader(cluster.etcds, "confirmed") as confirmed:
        for one in (leader, single, confirmed):
            put_until_answered(one.port)
        rows = []
        for connections in (1, 64):
            subjects = {name: (one.port, [one], {"connections": connections, **GETS})
                        for name, one in (("a single server", single), ("by lease", leader), ("confirmed", confirmed))}
            of = in_turns({**subjects, "etcd": (etcd.port, [etcd], {"connections": connections, **ETCD_GET})}, options)
            peers = of["a single server"]
            for name, bursts in of.items():
                rows.append([str(connections), name, f"{median(bursts, 'rps'):,.0f}", f"{ratio(bursts, peers, 'rps'):.2f}",
                             f"{statistics.median(one['cpu_us'][0] for one in bursts):.1f}", f"{median(bursts, 'p50_us'):,.0f}",
                             f"{median(bursts, 'p99_us'):,.0f}"])
    table(["connections", "", "GETs/s", "÷ a single server", "CPU µs of it alone", "p50 µs", "p99 µs"], rows)


@contextlib.contextmanager
def proxy(leader_port):
    """nginx in front of the leader. Yields its port and its process."""
    with tempfile.TemporaryDirectory(prefix="proxy-", dir=SCRATCH) as folder:
        port = free_port()
        text = (HERE / "peers/nginx_proxy.conf").read_text(encoding="utf-8")
        for name, value in {"port": port, "leader": leader_port, "folder": folder}.items():
            text = text.replace(f"@{name}@", str(value))
        pathlib.Path(folder, "nginx.conf").write_text(text, encoding="utf-8")
        nginx = Process([str(SCRATCH / "nginx/usr/sbin/nginx"), "-c", f"{folder}/nginx.conf", "-p", folder, "-e", f"{folder}/error.log"])
        nginx.start()
        try:
            put_until_answered(port)
            yield port, nginx
        finally:
            nginx.kill()


def forward(cluster, options):
    leader, standby = leader_and_standby(cluster)
    put_until_answered(leader.port)
    rows = []
    with proxy(leader.port) as (proxy_port, nginx):
        for name, load in (("get64", {"connections": 64, **GETS}), ("put64", {"connections": 64, **PUTS}), ("get1", {"connections": 1, **GETS})):
            of = in_turns({"direct": (leader.port, [leader, standby], load),
                           "standby": (standby.port, [leader, standby], load),
                           "nginx": (proxy_port, [leader, standby, nginx], load)}, options)
            alone, through, proxied = ([sum(one["cpu_us"]) for one in of[way]] for way in ("direct", "standby", "nginx"))
            shares = [statistics.median(one["cpu_us"][place] for one in of["standby"]) for place in (0, 1)]
            rows.append([name, "; ".join(f"{median(of[way], 'rps'):,.0f}" for way in of),
                         f"{statistics.median(alone):.1f}; {shares[0]:.1f} + {shares[1]:.1f}",
                         *(f"{statistics.median(one / other for one, other in zip(way, alone)):.2f}" for way in (through, proxied))])
    table(["", "requests/s, direct; through a standby; through nginx", "CPU µs: leader alone; leader + standby", "in all", "nginx + leader"], rows)


def answer_after(cluster, end):
    """Ends the leader. @return seconds until another server has answered a write, and the number of writes that failed"""
    leader, standby = leader_and_standby(cluster)
    began_at = time.monotonic()
    end(leader)
    failed = 0
    while True:
        try:
            if get(standby.port, "/v1/kv/key-1", 10, "PUT", b"1")[0] in (201, 204):
                break
        except (OSError, http.client.HTTPException):
            pass
        failed += 1
        time.sleep(0.002)
    took = time.monotonic() - began_at
    leader.process.wait()
    leader.start()
    deadline = time.monotonic() + 30
    while cluster.role_of(leader) != "standby" and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(0.5)
    return took, failed


def failover(cluster, options):
    rows = []
    for name, end, goal in (("kill -9", lambda one: one.process.kill(), "≤ lease + 1 s"), ("SIGTERM", lambda one: one.process.terminate(), "≤ 0.3 s")):
        told = [answer_after(cluster, end) for _ in range(options.failovers)]
        times = sorted(took for took, _ in told)
        rows.append([name, str(len(times)), f"{statistics.median(times):.2f}", f"{times[0]:.2f}–{times[-1]:.2f}",
                     str(sum(failed for _, failed in told)), goal])
    print(f"\nThe lease is {LEASE}.")
    table(["the leader's end", "times", "median s until a write is answered", "range", "writes that were refused meanwhile", "goal"], rows)


PARTS = {"puts": puts, "reads": reads, "forward": forward, "failover": failover}


def main():
    read = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    read.add_argument("parts", nargs="*", choices=[*PARTS, []], help="all of them, if none is named")
    read.add_argument("--rounds", type=int, default=5)
    read.add_argument("--seconds", type=float, default=2)
    read.add_argument("--failovers", type=int, default=20, help="of each kind")
    options = read.parse_args()
    SCRATCH.mkdir(parents=True, exist_ok=True)
    print(about.heading(about.describe()))
    with tempfile.TemporaryDirectory(prefix="cluster-", dir=SCRATCH) as scratch, \
            Cluster(SERVER, scratch, ["--cluster-lease", LEASE, "--reads", "lease"], quota_bytes=2 << 30, is_disturbed=False) as cluster:
        cluster.await_leader()
        for name in options.parts or PARTS:
            PARTS[name](cluster, options)


if __name__ == "__main__":
    main()
