#!/usr/bin/env python3
"""tour_test.py ROOT SERVER CLIENT: runs each `sh` block of README and of guides as a reader pastes it, against a server of its
own, and compares what documents show with what the programs print. SERVER and CLIENT are the programs, in one folder."""

import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(sys.argv.pop(1)).resolve()
SERVER, CLIENT = (pathlib.Path(sys.argv.pop(1)).resolve() for _ in range(2))
assert SERVER.parent == CLIENT.parent and CLIENT.name == "holdfast"
sys.path.append(str(ROOT / "tests/process"))
import server_process  # noqa: E402

server_process.SERVER = str(SERVER)
BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.M | re.S)
# curl reports a refusal of the server by its exit status.
CURL = 'curl() { command curl --silent --show-error --fail-with-body --max-time 30 "$@"; }\n'


class Tour(unittest.TestCase):
    def run_blocks(self, name):
        blocks = BLOCK.findall((ROOT / name).read_text(encoding="utf-8"))
        self.assertGreater(len(blocks), 0)
        # The built-in writer is on, as for a reader.
        with tempfile.TemporaryDirectory() as folder, server_process.Server(writer_period="350ms") as server:
            address = f"localhost:{server.port}"
            environment = {**os.environ, "PATH": f"{CLIENT.parent}:{os.environ['PATH']}", "HOLDFAST_URL": f"http://{address}"}
            for block in blocks:
                # One shell for a block: a line may use what an earlier one has set.
                script = f"set -eo pipefail\n{CURL}{block.replace('localhost:8080', address)}"
                done = subprocess.run(["bash", "-c", script], cwd=folder, env=environment, timeout=60,
                                      stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
                self.assertEqual(done.returncode, 0, f"{block}\n{done.stdout}")

    def test_each_line_of_readme_runs(self):
        self.run_blocks("README.md")

    def test_each_line_of_the_tutorial_runs(self):
        self.run_blocks("docs/tutorial.md")

    def test_each_line_of_the_load_testing_guide_runs(self):
        self.run_blocks("docs/load-testing.md")

    def test_the_tutorial_shows_what_the_demo_prints(self):
        printed = subprocess.run([server_process.SERVER, "demo"], timeout=60, check=True, stdout=subprocess.PIPE, text=True).stdout
        text = (ROOT / "docs/tutorial.md").read_text(encoding="utf-8")
        rows = re.findall(r"^\| \d+ \| `(.*?)` \|", text, re.M)
        self.assertEqual([re.sub(r"\d+$", "N", row) for row in rows], [re.sub(r"\d+$", "N", line) for line in printed.splitlines()])

    def test_each_field_of_the_events_and_the_trace_is_described(self):
        """A reader that holds the lock, and a writer that waits behind it, cause each kind of event."""
        text = (ROOT / "docs/lock-events.md").read_text(encoding="utf-8")
        with server_process.Server() as server:
            url = f"http://localhost:{server.port}"
            script = f"""curl -s '{url}/v1/kv/a?hold=300ms' & curl -s -X PUT '{url}/v1/kv/a?lock-timeout=50ms' -d 1
                curl -s -X PUT '{url}/v1/kv/a' -d 1; wait"""
            subprocess.run(["bash", "-c", script], check=True, timeout=30, stdout=subprocess.DEVNULL)
            ask = ["curl", "-s", "--max-time", "1", f"{url}/v1/lock/events?format=ndjson&from=0"]
            lines = subprocess.run(ask, timeout=30, stdout=subprocess.PIPE, text=True).stdout.splitlines()
            trace = subprocess.run(["curl", "-s", f"{url}/v1/lock/trace"], timeout=30, stdout=subprocess.PIPE, text=True).stdout
        events = [json.loads(line) for line in lines]
        self.assertLessEqual({"hello", "asked", "granted", "done"}, {event["type"] for event in events})
        names = {name for event in events for name in event} | {event["type"] for event in events}
        names |= {event["outcome"] for event in events if "outcome" in event}
        names |= {name for event in events for one in event.get("behind", []) for name in one}
        for entry in json.loads(trace)["traceEvents"]:
            names |= {entry["ph"], entry["name"] if entry["ph"] == "C" else entry.get("cat", "lock")}
            names |= set(entry["args"]) if entry["ph"] in "BE" else set()
        for name in names:
            self.assertIn(f"`{name}`", text)


if __name__ == "__main__":
    unittest.main()
