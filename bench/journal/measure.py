"""Runs bench_journal and prints medians over its rounds: the journal beside a bare log of the same round.

measure.py PROGRAM [its arguments]
"""

import collections
import statistics
import subprocess
import sys

output = subprocess.run(sys.argv[1:], check=True, stdout=subprocess.PIPE, text=True).stdout
measured = collections.defaultdict(list)
for line in output.splitlines():
    subject, changes, per_second, cpu = line.split(",")
    if subject == "bytes_a_put":
        print(f"bytes written to the disk for a put: {per_second}")
    elif per_second:
        measured[subject, int(changes)].append((float(per_second), float(cpu)))

sync = statistics.median(rate for rate, _ in measured["sync", 1])
print(f"a sync alone: {1000 / sync:.3f} ms\n")
print("| writers | journal puts/s (CPU µs a put) | bare log | journal ÷ log |")
print("|---|---|---|---|")
for subject, changes in sorted(key for key in measured if key[0] == "journal"):
    ours, log = measured[subject, changes], measured["log", changes]
    rate, cpu = (statistics.median(column) for column in zip(*ours))
    log_rate, log_cpu = (statistics.median(column) for column in zip(*log))
    ratio = statistics.median(a[0] / b[0] for a, b in zip(ours, log))
    print(f"| {changes} | {rate:,.0f} ({cpu:.1f}) | {log_rate:,.0f} ({log_cpu:.1f}) | {ratio:.2f} |")
