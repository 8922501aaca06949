#!/usr/bin/env python3
"""Measures a critical section under our lock and its peers, interleaved, and prints one table of ratios.

Each round runs every scenario under every subject, one program after another, and divides by what tokio's mutex took in
the same round: a virtual machine's speed drifts by half and more within minutes. The table has the medians."""

import argparse
import json
import pathlib
import re
import statistics
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "bench"))
import about  # noqa: E402

OURS = ROOT / "build/release/bin/bench_sync"
TOKIO = ROOT / "build/bench/tokio/release/tokio_mutex"
RESULTS = ROOT / "bench/results"

# What the tables call a subject, and what its lines end with.
SUBJECTS = {"lock": "", "async_run": "_run", "std::mutex": "_std_mutex", "strand": "_strand", "channel": "_channel"}
HELD_ACROSS_AWAIT = ["lock", "channel"]
# Our scenario, tokio's name of it, the numbers of tasks, and the subjects that do the same work in it.
SCENARIOS = [
    ("uncontended", "uncontended", [1], list(SUBJECTS)),
    ("yield_while_held", "yield_while_held", [2, 16, 1000], HELD_ACROSS_AWAIT),
    ("yield_after", "yield_after", [2, 16, 1000], list(SUBJECTS)),
    ("shared_context", "shared_runtime", [2, 16, 256], list(SUBJECTS)),
    ("two_contexts", "two_runtimes", [2, 16, 256], list(SUBJECTS)),
]
CROSSING = ("two_contexts_crossing", "two_runtimes_crossing")
FORMS = {"any_io_executor": "_any_executor", "deadline": "_timed", "shared_mutex, writers": "_shared_writer",
         "shared_mutex, readers": "_shared_reader"}
FORM_SCENARIOS = [("uncontended", 1), ("yield_while_held", 16), ("two_contexts", 16)]
LENGTHS = ["0ns", "100ns", "1us", "10us"]
LENGTH_SUBJECTS = ["std::mutex", "async_run", "lock"]


def lines(program, scenario):
    """(tasks) → {ns, fairness}; fairness is the fewest sections of a task by the most, where that was counted."""
    argv = [program, scenario] + (["--csv"] if program == OURS else [])
    out = subprocess.run(argv, check=True, capture_output=True, text=True, timeout=120).stdout
    result = {}
    for line in out.splitlines():
        _, tasks, ns, fewest, most = line.split(",")
        result[int(tasks)] = {"ns": float(ns), "fairness": int(fewest) / int(most) if int(most) else None}
    return result


def measure(rounds):
    crossings = {}  # tasks → subject → a list
    samples = {}  # scenario → tasks → subject → a list, one of each round
    forms = {}  # scenario → form → a list of its ns ÷ that of the lock
    lengths = {}  # length → threads → subject → a list
    for i in range(rounds):
        print(f"round {i + 1} of {rounds}", file=sys.stderr)
        for scenario, peers_name, numbers, subjects in SCENARIOS:
            found = {"tokio": lines(TOKIO, peers_name)}
            for subject in subjects:
                found[subject] = lines(OURS, scenario + SUBJECTS[subject])
            for tasks in numbers:
                for subject, by_tasks in found.items():
                    samples.setdefault(scenario, {}).setdefault(str(tasks), {}).setdefault(subject, []).append(
                        by_tasks[tasks])
        found = {"tokio": lines(TOKIO, CROSSING[1]), "lock": lines(OURS, CROSSING[0])}
        for subject, by_tasks in found.items():
            for tasks, measured in by_tasks.items():
                crossings.setdefault(str(tasks), {}).setdefault(subject, []).append(measured)
        for scenario, tasks in FORM_SCENARIOS:
            lock = lines(OURS, scenario)[tasks]["ns"]
            for form, suffix in FORMS.items():
                measured = lines(OURS, scenario + suffix)[tasks]["ns"]
                forms.setdefault(scenario, {}).setdefault(form, []).append(measured / lock)
        for length in LENGTHS:
            for subject in LENGTH_SUBJECTS:
                for threads, measured in lines(OURS, f"section_{length}{SUBJECTS[subject]}").items():
                    lengths.setdefault(length, {}).setdefault(str(threads), {}).setdefault(subject, []).append(measured)
    return {"samples": samples, "crossings": crossings, "forms": forms, "lengths": lengths}


def median(rounds, what):
    values = [each[what] for each in rounds if each[what] is not None]
    return statistics.median(values) if values else None


def ratio(subjects, subject):
    return statistics.median(ours["ns"] / tokio["ns"] for ours, tokio in zip(subjects[subject], subjects["tokio"]))


def heading(run):
    return f"{about.heading(run['run'])}; {run['run']['tokio']}; medians of {run['run']['rounds']} rounds"


def tokio_version():
    """The version of tokio that the peer was built with, and its compiler's."""
    lock = (ROOT / "build/bench/tokio_source/Cargo.lock").read_text(encoding="utf-8")
    version = re.search(r'name = "tokio"\nversion = "([^"]+)"', lock)
    compiler = subprocess.run(["/usr/bin/rustc", "--version"], check=True, capture_output=True, text=True).stdout
    return f"tokio {version[1]}, {' '.join(compiler.split()[:2])}"


def table(run):
    out = [heading(run), "",
           "| scenario | tasks | tokio ns | " + " | ".join(f"{name} ns | ÷ tokio" for name in SUBJECTS) +
           " | fewest : most, tokio | lock | async_run |", "|" + "---|" * (6 + 2 * len(SUBJECTS))]
    for scenario, by_tasks in run["samples"].items():
        for tasks, subjects in by_tasks.items():
            cells = [scenario, tasks, f"{median(subjects['tokio'], 'ns'):.0f}"]
            for name in SUBJECTS:
                if name not in subjects:
                    cells += ["", ""]
                    continue
                cells += [f"{median(subjects[name], 'ns'):.0f}", f"**{ratio(subjects, name):.2f}**"
                          if name in ("lock", "async_run") else f"{ratio(subjects, name):.2f}"]
            for name in ("tokio", "lock", "async_run"):
                fairness = median(subjects[name], "fairness") if name in subjects else None
                cells.append("" if fairness is None else f"{fairness:.2f}")
            out.append("| " + " | ".join(cells) + " |")
    return "\n".join(out)


def crossing_table(run):
    """What it takes to hand a lock to another context, however many sections lie between."""
    out = ["| two_contexts, from one change of context to the next | tokio ns | lock ns | ÷ tokio |", "|---|---|---|---|"]
    for tasks, subjects in run["crossings"].items():
        out.append(f"| {tasks} coroutines | {median(subjects['tokio'], 'ns'):.0f} | {median(subjects['lock'], 'ns'):.0f} | "
                   f"{ratio(subjects, 'lock'):.2f} |")
    return "\n".join(out)


def form_table(run):
    """What the other forms of the lock cost, as ratios to the lock."""
    out = ["| form ÷ lock | " + " | ".join(f"{scenario}, {tasks}" for scenario, tasks in FORM_SCENARIOS) + " |",
           "|---" * (1 + len(FORM_SCENARIOS)) + "|"]
    for form in FORMS:
        cells = [f"{statistics.median(run['forms'][scenario][form]):.2f}" for scenario, _ in FORM_SCENARIOS]
        out.append(f"| {form} | " + " | ".join(cells) + " |")
    return "\n".join(out)


def length_table(run):
    """From which length of section and number of threads which lock wins."""
    out = ["| section | threads | std::mutex ns | async_run ns | ÷ std::mutex | lock ns | ÷ std::mutex | "
           "fewest : most, std::mutex | async_run | lock |", "|" + "---|" * 10]
    for length, by_threads in run["lengths"].items():
        for threads, subjects in by_threads.items():
            cells = [length, threads, f"{median(subjects['std::mutex'], 'ns'):.0f}"]
            for name in LENGTH_SUBJECTS[1:]:
                against = statistics.median(ours["ns"] / theirs["ns"]
                                            for ours, theirs in zip(subjects[name], subjects["std::mutex"]))
                cells += [f"{median(subjects[name], 'ns'):.0f}", f"{against:.2f}"]
            cells += [f"{median(subjects[name], 'fairness') or 0:.2f}" for name in LENGTH_SUBJECTS]
            out.append("| " + " | ".join(cells) + " |")
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
        mine = [x for x, (scenario, tasks) in enumerate(places) if subject in run["samples"][scenario][tasks]]
        ns = [[each["ns"] for each in run["samples"][places[x][0]][places[x][1]][subject]] for x in mine]
        middle = [statistics.median(each) for each in ns]
        spread = [[m - min(each) for m, each in zip(middle, ns)], [max(each) - m for m, each in zip(middle, ns)]]
        axes.bar([x - 0.42 + width * (i + 0.5) for x in mine], middle, width * 0.92, yerr=spread,
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
    parser.add_argument("--rounds", type=int, default=9, help="how often each is measured; default 9 (a quarter of an hour)")
    parser.add_argument("--save", action="store_true", help="also write bench/results/sync.json and sync.svg")
    options = parser.parse_args()
    run = {"run": {**about.describe(), "tokio": tokio_version(), "rounds": options.rounds}, **measure(options.rounds)}
    print("\n\n".join([table(run), crossing_table(run), form_table(run), length_table(run)]))
    if options.save:
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / "sync.json").write_text(json.dumps(run) + "\n", encoding="utf-8")
        plot(run, RESULTS / "sync.svg")


if __name__ == "__main__":
    main()
