#!/usr/bin/env python3
"""Measures the CPU cost of a request in `holdfast load` and in wrk under the same load, and prints one table.

The server runs on the first core, the client on the last. Each of our bursts runs between two of wrk's and is divided
by their mean, because the speed of a virtual machine varies by half and more within minutes. The table has the medians
of all rounds. CPU time is that of the whole process, from start to end, user and system."""

import argparse
import json
import pathlib
import re
import resource
import statistics
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path += [str(ROOT / "bench"), str(ROOT / "bench/http")]
import about  # noqa: E402
import machine  # noqa: E402
import subjects  # noqa: E402

VALUE = '"' + "x" * 62 + '"'  # as long as holdfast's own values, 64 bytes
RESULTS = ROOT / "bench/results"

# Name, connections, method, and the number of keys from which holdfast chooses. wrk repeats a single request.
LOADS = [
    ("get1", 1, "GET", 1),
    ("get64", 64, "GET", 1),
    ("get512", 512, "GET", 1),
    ("put64", 64, "PUT", 1),
    ("get64, 1,000 keys", 64, "GET", 1000),
]


def run(argv):
    """Returns the program's output and the CPU seconds that it used."""
    def used():
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        return usage.ru_utime + usage.ru_stime
    before = used()
    with machine.on_core(machine.CLIENT_CORE):
        out = subprocess.run(argv, check=True, capture_output=True, text=True, timeout=120).stdout
    return out, used() - before


def sample(requests, cpu_s, seconds):
    return {"us": cpu_s / requests * 1e6, "per_s": requests / seconds}


def wrk(url, load, seconds, script):
    _, connections, method, _ = load
    argv = ["wrk", "--threads", "1", "--connections", str(connections), "--duration", f"{seconds}s"]
    out, cpu_s = run(argv + (["--script", script] if method == "PUT" else []) + [url])
    if "Non-2xx" in out or "Socket errors" in out:
        raise SystemExit(f"wrk had errors:\n{out}")
    return sample(int(re.search(r"(\d+) requests in", out)[1]), cpu_s, seconds)


def holdfast(url, load, seconds):
    _, connections, method, keys = load
    out, cpu_s = run([str(machine.BUILT / "holdfast"), "--server", url, "load", "--quiet", "--json", "--threads", "1",
                      "--connections", str(connections), "--duration", f"{seconds}s", "--keys", str(keys), "--mix",
                      f"{method.lower()}=1"])
    told = json.loads(out)
    return sample(told["latency_ms"]["all"]["count"], cpu_s, seconds)


def measure(server, rounds, seconds):
    url = f"http://127.0.0.1:{server.port}"
    server.request(f"PUT {server.path}", VALUE.encode())
    samples = {}
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(f"wrk.method = 'PUT'\nwrk.body = '{VALUE}'\n")
        script.flush()
        for load in LOADS:
            print(load[0], file=sys.stderr)
            theirs, ours = [wrk(url + server.path, load, seconds, script.name)], []
            for _ in range(rounds):
                ours.append(holdfast(url, load, seconds))
                theirs.append(wrk(url + server.path, load, seconds, script.name))
            samples[load[0]] = {"wrk": theirs, "holdfast": ours}
    return samples


def ratios(sampled):
    theirs = [each["us"] for each in sampled["wrk"]]
    return [ours["us"] / ((before + after) / 2)
            for ours, before, after in zip(sampled["holdfast"], theirs, theirs[1:])]


def table(result):
    def median(samples, what):
        return statistics.median(each[what] for each in samples)
    out = [f"{about.heading(result['run'])};", f"medians of {result['run']['rounds']} rounds, quartiles in brackets", "",
           "| load | wrk µs | holdfast µs | ÷ wrk | wrk requests/s | holdfast requests/s |", "|---|---|---|---|---|---|"]
    for load, sampled in result["samples"].items():
        low, middle, high = statistics.quantiles(ratios(sampled), n=4, method="inclusive")
        out.append(f"| {load} | {median(sampled['wrk'], 'us'):.2f} | {median(sampled['holdfast'], 'us'):.2f} "
                   f"| **{middle:.2f}** ({low:.2f} to {high:.2f}) "
                   f"| {median(sampled['wrk'], 'per_s'):,.0f} | {median(sampled['holdfast'], 'per_s'):,.0f} |")
    return "\n".join(out)


def main():
    parser = argparse.ArgumentParser(prog="./x bench client", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7, help="how often each is measured; default 7 (80 s in all)")
    parser.add_argument("--seconds", type=int, default=1, help="how long a burst lasts; default 1")
    parser.add_argument("--save", action="store_true", help="also write bench/results/client.json")
    options = parser.parse_args()
    if options.rounds < 2:
        parser.error("--rounds: quartiles need at least 2")
    machine.raise_descriptor_limit()
    with subjects.holdfast() as server:
        result = {"run": {**machine.describe(), "rounds": options.rounds},
                  "samples": measure(server, options.rounds, options.seconds)}
    print(table(result))
    if options.save:
        (RESULTS / "client.json").write_text(json.dumps(result) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
