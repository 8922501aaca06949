#!/usr/bin/env python3
"""Stalls the server for a second, by a hold of its lock, in the middle of an open-loop and of a closed-loop run, and
compares the latencies that they report with the calculated ones."""

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile
import threading

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path += [str(ROOT / "bench"), str(ROOT / "bench/http")]
import about  # noqa: E402
import machine  # noqa: E402
import subjects  # noqa: E402

RESULTS = ROOT / "bench/results"
RATE, SECONDS, STALL_S = 1000, 10, 1.0
CONNECTIONS = 64


def load(program, *options):
    """Returns the report of a run with a stall in its middle."""
    stall = threading.Timer(SECONDS / 2, lambda: subprocess.run(
        program + ["get", "stall", "--hold", f"{STALL_S:.0f}s"], check=False, capture_output=True, timeout=60))
    with tempfile.NamedTemporaryFile(suffix=".json") as file:
        stall.start()
        subprocess.run(program + ["load", "--quiet", "--threads", "1", "--connections", str(CONNECTIONS), "--json",
                                  file.name, *options], check=True, capture_output=True, timeout=120)
        stall.join()
        return json.loads(pathlib.Path(file.name).read_text(encoding="utf-8"))


def quantile(curve, share):
    """Returns the latency in ms not exceeded by this share; the curve has finer steps than the calculated law."""
    return next(value for at, value in curve if at >= share)


def law(share):
    """Of the requests of SECONDS seconds, those that were due x before the end of the stall waited x."""
    return max(0.0, STALL_S - (1 - share) * SECONDS)


def measure(server):
    program = [str(machine.BUILT / "holdfast"), "--server", f"http://127.0.0.1:{server.port}"]
    opened = load(program, "--rate", f"{RATE}/s", "--duration", f"{SECONDS}s")
    closed = load(program, "--duration", f"{SECONDS}s")
    def kept(report, name):
        return {"count": report["latency_ms"]["all"]["count"], "curve_ms": report["curve_ms"][name]}
    return {"open": kept(opened, "all"), "since_sent": kept(opened, "since_sent"), "closed": kept(closed, "all")}


def table(result):
    rows = [about.heading(result["run"]), "",
            "| | requests | p50 | p99 | p99.9 | max |", "|---|---|---|---|---|---|"]
    names = {"open": "open loop, from when a request was due", "since_sent": "the same run, from when it was sent",
             "closed": "closed loop"}
    for what, name in names.items():
        curve = result["samples"][what]["curve_ms"]
        figures = [quantile(curve, share) for share in (0.5, 0.99, 0.999, 1)]
        rows.append(f"| {name} | {result['samples'][what]['count']:,} | " +
                    " | ".join(f"{ms:,.2f} ms" if ms < 10 else f"{ms:,.0f} ms" for ms in figures) + " |")
    rows.append(f"| arithmetic | {RATE * SECONDS:,} | 0 | {law(0.99) * 1000:.0f} ms | {law(0.999) * 1000:.0f} ms | "
                f"{law(1) * 1000:,.0f} ms |")
    return "\n".join(rows)


def plot(result, file):
    import matplotlib
    matplotlib.use("svg")
    from matplotlib import pyplot
    matplotlib.rcParams["svg.hashsalt"] = "holdfast"
    figure, axes = pyplot.subplots(figsize=(8.6, 4.2))
    # The curve's last point, the maximum, is at share 1: draw it where one remaining request would be.
    def place(share, count):
        return 1 / max(1 - share, 1 / count)
    styles = {"open": ("#0b6e4f", "open loop, latency from when a request was due", 2.2),
              "since_sent": ("#d08c3f", "the same run, latency from when it was sent", 1.6),
              "closed": ("#b5524a", "closed loop", 1.6)}
    for what, (color, name, width) in styles.items():
        found = result["samples"][what]
        axes.plot([place(share, found["count"]) for share, _ in found["curve_ms"]],
                  [ms for _, ms in found["curve_ms"]], color=color, label=name, linewidth=width)
    shares = [0.9 + i / 1000 for i in range(101)]
    axes.plot([place(share, RATE * SECONDS) for share in shares], [law(share) * 1000 for share in shares],
              color="#333333", linestyle=(0, (2, 2)), linewidth=1, label="arithmetic, for the first")
    axes.axvline(100, color="#aaaaaa", linewidth=0.7, zorder=0)
    axes.set_xscale("log")
    marks = [0, 0.9, 0.99, 0.999, 0.9999, 0.99999]
    axes.set_xticks([1 / (1 - share) for share in marks], ["0", "p90", "p99", "p99.9", "p99.99", "p99.999"])
    axes.minorticks_off()
    axes.set_xlim(1, 2e5)
    axes.set_ylim(0, 1080)
    axes.set_ylabel("latency, ms")
    axes.set_title(f"A stall of one second in ten. {about.heading(result['run'])}", fontsize=7, loc="left")
    axes.legend(fontsize=8, frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.09), ncols=2)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    figure.tight_layout()
    figure.savefig(file, metadata={"Date": None})


def main():
    parser = argparse.ArgumentParser(prog="./x bench stall", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--save", action="store_true", help="also write bench/results/stall.json and stall.svg")
    options = parser.parse_args()
    with subjects.holdfast(core=None) as server:
        result = {"run": machine.describe(), "samples": measure(server)}
    print(table(result))
    if options.save:
        (RESULTS / "stall.json").write_text(json.dumps(result) + "\n", encoding="utf-8")
        plot(result, RESULTS / "stall.svg")


if __name__ == "__main__":
    main()
