"""A run's file as a table and as a plot. Only numbers of one run stand side by side."""

import json
import pathlib
import statistics

from machine import about

REFUSAL = """These are different runs: {one} of {one_date} and {other} of {other_date}.
Their numbers can't be compared: a machine's speed drifts between runs, and a ratio holds only against the floor that
was measured between its own bursts. To compare two versions, give both to one run (--also NAME=SERVER)."""


def load_run(files):
    """The run in a file; more than one is refused."""
    runs = [json.loads(pathlib.Path(file).read_text(encoding="utf-8")) for file in files]
    first = runs[0]
    for file, other in zip(files[1:], runs[1:]):
        if other["run"]["id"] != first["run"]["id"]:
            raise SystemExit(REFUSAL.format(one=files[0], one_date=first["run"]["date"], other=file,
                                            other_date=other["run"]["date"]))
    return first


def heading(run):
    of_run = run["run"]
    return (f"{about.heading(of_run)}; server on core {of_run['server_core']}, client on core {of_run['client_core']}")


def rows_of(run):
    """(load, subject) → its bursts, in the order of measuring."""
    rows = {}
    for burst in run.get("bursts", []):
        rows.setdefault((burst["load"], burst["subject"]), []).append(burst)
    return rows


def quartiles(values):
    return statistics.quantiles(values, n=4, method="inclusive") if len(values) > 1 else values * 3


def table(run):
    lines = [heading(run), ""]
    rows = rows_of(run)
    if rows:
        lines += ["| load | server | CPU time / floor | quartiles | throughput / floor | CPU µs | requests/s | p99 µs | errors |",
                  "|---|---|---|---|---|---|---|---|---|"]
    for (load, subject), bursts in rows.items():
        low, median, high = quartiles([burst["ratio"] for burst in bursts])
        middle = {key: statistics.median(burst[key] for burst in bursts)
                  for key in ("rps_ratio", "cpu_us", "rps", "p99_us")}
        lines.append(f"| {load} | {subject} | **{median:.2f}** | {low:.2f}–{high:.2f} | {middle['rps_ratio']:.2f} | "
                     f"{middle['cpu_us']:.2f} | {middle['rps']:,.0f} | {middle['p99_us']:,.0f} | "
                     f"{sum(burst['errors'] for burst in bursts)} |")
    for name, scenario in run.get("scenarios", {}).items():
        lines += ["", f"{name}: {scenario['what']}", "", "| " + " | ".join(scenario["columns"]) + " |",
                  "|" + "---|" * len(scenario["columns"])]
        lines += ["| " + " | ".join(row) + " |" for row in scenario["rows"]]
    return "\n".join(lines)


def plot(run, file):
    """Medians with their quartiles, one group of bars for each load."""
    import matplotlib
    matplotlib.use("svg")
    from matplotlib import pyplot
    matplotlib.rcParams["svg.hashsalt"] = "holdfast"
    rows = rows_of(run)
    loads = list(dict.fromkeys(load for load, _ in rows))
    subjects = list(dict.fromkeys(subject for _, subject in rows))
    colors = ["#0b6e4f", "#7a8ba0", "#a9b7c6", "#d08c3f", "#6a5d9f", "#b5524a", "#444444"]
    figure, axes = pyplot.subplots(figsize=(10, 4.6))
    width = 0.8 / max(1, len(subjects))
    for place, subject in enumerate(subjects):
        points = [(x, quartiles([burst["ratio"] for burst in rows[load, subject]]))
                  for x, load in enumerate(loads) if (load, subject) in rows]
        middles = [median for _, (_, median, _) in points]
        spread = [[median - low for _, (low, median, _) in points], [high - median for _, (_, median, high) in points]]
        bars = axes.bar([x - 0.4 + width * (place + 0.5) for x, _ in points], middles, width * 0.92, yerr=spread,
                        label=subject, color=colors[place % len(colors)], ecolor="#555555", error_kw={"linewidth": 0.8})
        axes.bar_label(bars, [f"{median:.2f}" for median in middles], padding=2, fontsize=7)
    axes.axhline(1, color="black", linewidth=0.8)
    axes.set_yscale("log", base=2)
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.set_xticks(range(len(loads)), loads)
    axes.set_ylabel("CPU time per request / floor (log₂; lower is better)")
    axes.set_title(heading(run), fontsize=7, loc="left")
    axes.legend(fontsize=8, frameon=False)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    figure.tight_layout()
    figure.savefig(file, metadata={"Date": None})
