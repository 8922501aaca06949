#!/usr/bin/env python3
"""What a request costs: Holdfast, its peers and the limit, measured in turns in one run.

  bench.py [SCENARIO…] [--quick] [--peers P,…|none] [--loads L,…] [--rounds N] [--also NAME=SERVER]
  bench.py show FILE        prints a saved run

bench/README.md says how to read the output.
"""

import argparse
import contextlib
import json
import pathlib
import sys

import report
import scenarios
import sharing
from loads import LOADS, measure
from machine import ROOT, describe, raise_descriptor_limit
from subjects import PEERS, floor, holdfast

RESULTS = ROOT / "bench/results"
SCENARIOS = {**scenarios.ALL, **sharing.ALL}


def note(text):
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


def measure_requests(options):
    with contextlib.ExitStack() as running:
        reference = running.enter_context(floor())
        subjects = [running.enter_context(holdfast())]
        for extra in options.also:
            name, _, binary = extra.partition("=")
            other = holdfast(name=name)
            other.command[0] = binary
            subjects.append(running.enter_context(other))
        subjects += [running.enter_context(PEERS[name]()) for name in options.peers]
        loads = {name: LOADS[name] for name in options.loads}
        return measure(reference, subjects, loads, options.rounds, options.seconds, note)


def names(text, known, what):
    chosen = [] if text == "none" else text.split(",")
    for name in chosen:
        if name not in known:
            raise SystemExit(f"there is no {what} '{name}'; there are {', '.join(known)}")
    return chosen


def parse_arguments():
    parser = argparse.ArgumentParser(prog="./x bench http", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scenarios", nargs="*", help=f"requests (the table of ratios), {', '.join(SCENARIOS)}; "
                        "default: all")
    parser.add_argument("--quick", action="store_true", help="under a minute: requests alone, few rounds, nginx beside")
    parser.add_argument("--peers", help=f"of {', '.join(PEERS)}, or none; default: all")
    parser.add_argument("--loads", default=",".join(LOADS), help=f"of {', '.join(LOADS)}; default: all")
    parser.add_argument("--rounds", type=int, help="default: 15; quick: 3")
    parser.add_argument("--seconds", type=float, help="of a burst; default: 0.4; quick: 0.25")
    parser.add_argument("--also", action="append", default=[], metavar="NAME=SERVER",
                        help="another build of holdfast-server, measured beside this one")
    parser.add_argument("--save", action="store_true", help="also for a part of the whole: write into bench/results")
    options = parser.parse_args()
    options.peers = names(options.peers or ("nginx" if options.quick else ",".join(PEERS)), PEERS, "peer")
    options.loads = names(options.loads, LOADS, "load")
    options.rounds = options.rounds or (3 if options.quick else 15)
    options.seconds = options.seconds or (0.25 if options.quick else 0.4)
    everything = ["requests", *SCENARIOS]
    options.whole = not options.quick and not options.scenarios
    options.scenarios = names(",".join(options.scenarios) or ("requests" if options.quick else ",".join(everything)),
                              everything, "scenario")
    return options


def show(files):
    print(report.table(report.load_run(files)))


def main():
    if sys.argv[1:2] == ["show"]:
        return show(sys.argv[2:] or [RESULTS / "http.json"])
    options = parse_arguments()
    raise_descriptor_limit()
    run = {"run": describe(), "scenarios": {}}
    if "requests" in options.scenarios:
        run["bursts"] = measure_requests(options)
    for name in options.scenarios:
        if name != "requests":
            note(name)
            run["scenarios"][name] = SCENARIOS[name](options)
    note("")
    print(report.table(run))
    if options.whole or options.save:
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / "http.json").write_text(json.dumps(run, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        report.plot(run, RESULTS / "http.svg")
        print(f"\nWritten: {(RESULTS / 'http.json').relative_to(ROOT)} and http.svg", file=sys.stderr)
    return None


if __name__ == "__main__":
    sys.exit(main())
