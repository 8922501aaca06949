"""What is measured with: this machine's cores, processes' CPU time and memory, the client's bursts."""

import contextlib
import json
import os
import pathlib
import resource
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "bench"))
import about  # noqa: E402

BUILT = ROOT / "build/release/bin"
BUILT_UNWATCHED = ROOT / "build/unwatched/bin"
SCRATCH = ROOT / "build/bench"

# The server and the client each have a core for themselves, where the machine has two. Scenarios on several threads
# leave the placing to the system.
CORES = sorted(os.sched_getaffinity(0))
SERVER_CORE, CLIENT_CORE = CORES[0], CORES[-1]


def raise_descriptor_limit():
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


@contextlib.contextmanager
def on_core(core):
    """What is started meanwhile runs on this core, None: on any. The core is inherited; taskset(1) would be one more
    program to load before the one whose start is measured."""
    if core is not None:
        os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, CORES)


def process_tree(pid):
    """The process and all its descendants."""
    found = [pid]
    for children in pathlib.Path(f"/proc/{pid}/task").glob("*/children"):
        for child in children.read_text().split():
            found += process_tree(int(child))
    return found


def cpu_ns(pid):
    """CPU time that the process tree has used so far, user and system."""
    return sum(int(task.read_text().split()[0])
               for process in process_tree(pid)
               for task in pathlib.Path(f"/proc/{process}/task").glob("*/schedstat"))


def cpu_ns_by_thread(pid):
    """CPU time that each thread of the process has used so far, by the thread's number."""
    return {task.parent.name: int(task.read_text().split()[0])
            for task in pathlib.Path(f"/proc/{pid}/task").glob("*/schedstat")}


def resident_bytes(pid):
    """Memory in use by the process tree."""
    page = resource.getpagesize()
    return sum(int(pathlib.Path(f"/proc/{process}/statm").read_text().split()[1]) * page
               for process in process_tree(pid))


def hammer(port, core, seconds, **options):
    """Starts a burst of the client; read_hammer() waits for its end. Options as bench_hammer has them."""
    argv = [str(BUILT / "bench_hammer"), "--port", str(port), "--seconds", str(seconds)]
    for name, value in options.items():
        argv += [f"--{name.replace('_', '-')}"] + ([] if value is True else [str(value)])
    with on_core(core):
        return subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def read_hammer(process):
    out, error = process.communicate(timeout=300)
    if process.returncode != 0:
        raise SystemExit(f"the client failed: {error}")
    return json.loads(out)


def describe():
    """Where and when a run was made, and who ran where."""
    return {**about.describe(), "server_core": SERVER_CORE, "client_core": CLIENT_CORE}
