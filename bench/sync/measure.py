#!/usr/bin/env python3
"""Measures a critical section under our lock and its peers, interleaved, and prints one table of ratios.

Each round runs every scenario for every subject, one program after another, and divides by the time of tokio's mutex in
the same round, because the speed of a virtual machine varies by half and more within minutes. The table has the
medians."""

import argparse
import json
import pathlib
import statistics
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "bench"))
import about  # noqa: E402

OURS = ROOT / "build/release/bin/bench_sync"
TOKIO = ROOT / "build/bench/tokio/release/tokio_mutex"
RESULTS = ROOT / "bench/results"

# Our name of a scenario, tokio's name, and the numbers of tasks.
SCENARIOS = [
    ("uncontended", "uncontended", [1]),
    ("yield_while_held", "yield_while_held", [2, 16, 1000]),
    ("shared_context", "shared_runtime", [2, 16, 256]),
    ("two_contexts", "two_runtimes", [2, 16, 256]),
]
# The table's name of a subject, and the suffix of its lines.
CROSSING = ("two_contexts_crossing", "two_runtimes_crossing")
SUBJECTS = {"lock": "", "async_run": "_run", "std::mutex": "_std_mutex", "strand": "_strand", "channel": "_channel"}


def lines(program, scenario):
    """(tasks) → {ns, fairness}; fairness is the ratio of the fewest to the most sections of a task, if counted."""
    argv = [program, scenario] + (["--csv"] if program == OURS else [])
    out = subprocess.run(argv, check=True, capture_output=True, text=True, timeout=120).stdout
    result = {}
    for line in out.splitlines():
        _, tasks, ns, fewest, most = line.split(",")
        result[int(tasks)] = {"ns": float(ns), "fairness": int(fewest) / int(most) if int(most) else None}
    return result


def measure(rounds):
    crossings = {}  # tasks → subject → a list
    samples = {}  # scenario → tasks → subject → a list, one per round
    for i in range(rounds):
        print(f"round {i + 1} of {rounds}", file=sys.stderr)
        for scenario, peers_name, numbers in SCENARIOS:
            found = {"tokio": lines(TOKIO, peers_name)}
            for subject, suffix in SUBJECTS.items():
                found[subject] = lines(OURS, scenario + suffix)
            for tasks in numbers:
                for subject, by_tasks in found.items():
                    samples.setdefault(scenario, {}).setdefault(str(tasks), {}).setdefault(subject, []).append(
                        by_tasks[tasks])
        found = {"tokio": lines(TOKIO, CROSSING[1]), "lock": lines(OURS, CROSSING[0])}
        for subject, by_tasks in found.items():
            for tasks, measured in by_tasks.items():
                crossings.setdefault(str(tasks), {}).setdefault(subject, []).append(measured)
    return {"samples": samples, "crossings": crossings}


def median(rounds, what):
    values = [each[what] for each in rounds if each[what] is not None]
    return statistics.median(values) if values else None


def ratio(subjects, subject):
    return statistics.median(ours["ns"] / tokio["ns"] for ours, tokio in zip(subjects[subject], subjects["tokio"]))


def heading(run):
    return f"{about.heading(run['run'])}; medians of {run['run']['rounds']} rounds"


def table(run):
    out = [heading(run), "",
           "| scenario | tasks | tokio ns | " + " | ".join(f"{name} ns | ÷ tokio" for name in SUBJECTS) +
           " | fewest : most, tokio | lock | async_run |", "|" + "---|" * (6 + 2 * len(SUBJECTS))]
    for scenario, by_tasks in run["samples"].items():
        for tasks, subjects in by_tasks.items():
            cells = [scenario, tasks, f"{median(subjects['tokio'], 'ns'):.0f}"]
            for name in SUBJECTS:
                cells += [f"{median(subjects[name], 'ns'):.0f}", f"**{ratio(subjects, name):.2f}**"
                          if name in ("lock", "async_run") else f"{ratio(subjects, name):.2f}"]
            for name in ("tokio", "lock", "async_run"):
                fairness = median(subjects[name], "fairness")
                cells.append("" if fairness is None else f"{fairness:.2f}")
            out.append("| " + " | ".join(cells) + " |")
    return "\n".join(out)


def crossing_table(run):
    """The cost of handing a lock to another context, however many sections lie in between."""
    out = ["| two_contexts, from one change of context to the next | tokio ns | lock ns | ÷ tokio |", "|---|---|---|---|"]
    for tasks, subjects in run["crossings"].items():
        out.append(f"| {tasks} coroutines | {median(subjects['tokio'], 'ns'):.0f} | {median(subjects['lock'], 'ns'):.0f} | "
                   f"{ratio(subjects, 'lock'):.2f} |")
    return "\n".join(out)


def plot(run, file):
    import matplotlib
    matplotlib.use("svg")
    from matplotlib import pyplot
    matplotlib.rcParams["svg.hashsalt"] = "holdfast"
    colors = {"tokio": "#d08c3f", "lock": "#0b6e4f", "async_run": "#5fb58c", "std::mutex": "#7a8ba0",
              "strand": "#6a5d9f", "channel": "#b5524a"}
    places = [(scenario, tasks) for scenario, by_tasks in run["samples"].items() for tasks in by_tasks]
    figure, axes = pyplot.subplots(figsize=(10, 4.6))
    width = 0.84 / len(colors)
    for i, (subject, color) in enumerate(colors.items()):
        ns = [[each["ns"] for each in run["samples"][scenario][tasks][subject]] for scenario, tasks in places]
        middle = [statistics.median(each) for each in ns]
        spread = [[m - min(each) for m, each in zip(middle, ns)], [max(each) - m for m, each in zip(middle, ns)]]
        axes.bar([x - 0.42 + width * (i + 0.5) for x in range(len(places))], middle, width * 0.92, yerr=spread,
                 label=subject, color=color, ecolor="#555555", error_kw={"linewidth": 0.6})
    axes.set_yscale("log")
    axes.set_ylabel("ns a critical section (log; lower is better)")
    axes.set_xticks(range(len(places)), [f"{scenario.replace('_', chr(10), 1)}\n{tasks}" for scenario, tasks in places],
                    fontsize=7)
    axes.set_title(heading(run) + "; lines from the least to the most", fontsize=7, loc="left")
    axes.legend(fontsize=8, frameon=False, ncols=6, loc="upper left")
    axes.set_ylim(top=axes.get_ylim()[1] * 3)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    figure.tight_layout()
    figure.savefig(file, metadata={"Date": None})


def main():
    parser = argparse.ArgumentParser(prog="./x bench sync", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9, help="how often each is measured; default 9 (seven minutes)")
    parser.add_argument("--save", action="store_true", help="also write bench/results/sync.json and sync.svg")
    options = parser.parse_args()
    run = {"run": {**about.describe(), "rounds": options.rounds}, **measure(options.rounds)}
    print(table(run) + "\n\n" + crossing_table(run))
    if options.save:
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / "sync.json").write_text(json.dumps(run) + "\n", encoding="utf-8")
        plot(run, RESULTS / "sync.svg")


if __name__ == "__main__":
    main()
