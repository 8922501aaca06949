"""Where and when a run was made: stands in its file and above its table."""

import os
import pathlib
import platform
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]


def describe():
    model = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo", encoding="utf-8")
                  if line.startswith("model name")), platform.machine())
    commit = subprocess.run(["git", "-C", ROOT, "describe", "--always", "--dirty"], capture_output=True, text=True,
                            check=False).stdout.strip()
    return {"id": os.urandom(8).hex(), "date": time.strftime("%Y-%m-%d %H:%M:%S %z"), "commit": commit,
            "processor": model, "cores": len(os.sched_getaffinity(0)), "kernel": platform.release()}


def heading(about):
    return (f"{about['date']}, commit {about['commit']}, {about['processor']}, {about['cores']} cores, Linux "
            f"{about['kernel']}")
