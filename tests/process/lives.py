"""`holdfast load --verify` while the server is killed and started again on the same data: the answers of all its lives together
are strictly serializable. And the proof bites: it must not be given of a server that keeps nothing, and one whose directory is
replaced by an older copy of itself must be found out.

lives.py SERVER CLIENT
"""

import json
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import server_process
from server_process import PATIENCE_S, Client, Server

LIVES = 3
CHANGES_A_LIFE = 2000
MIX = "get=40,put=30,delete=5,incr=5,txn=10,list=2,cas=8"


def await_changes(server, count):
    """Returns when the database has seen so many more changes."""
    deadline, last = time.monotonic() + PATIENCE_S, None
    with Client(server.port) as client:
        while last is None or json.loads(client.ask("GET", "/v1/kv?limit=1")[1])["revision"] < last:
            last = last or json.loads(client.ask("GET", "/v1/kv?limit=1")[1])["revision"] + count
            if time.monotonic() > deadline:
                raise AssertionError("the load does not go on")
            time.sleep(0.05)


def verification_of(client, report, data, between_lives=lambda: None):
    """What the client says of a run over several lives of a server."""
    server = Server("--threads", "2", data=data)
    with server:
        url = f"http://127.0.0.1:{server.port}"
        load = subprocess.Popen([client, "load", "--server", url, "--connections", "16", "--duration", "2m",
                                 "--keys", "100", "--mix", MIX, "--verify", "--json", str(report)],
                                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(LIVES - 1):
            await_changes(server, CHANGES_A_LIFE)
            server.kill()
            between_lives()
            server.start()
            server.__enter__()
        await_changes(server, CHANGES_A_LIFE)
        load.send_signal(signal.SIGINT)
        load.wait(PATIENCE_S)
    return json.loads(report.read_text(encoding="utf-8"))["verification"]


def main():
    server_process.SERVER, client = sys.argv[1:]
    with tempfile.TemporaryDirectory(prefix="holdfast-lives-") as scratch:
        scratch = pathlib.Path(scratch)
        kept = verification_of(client, scratch / "kept.json", scratch / "data")
        if (kept["verdict"], kept["proof"], kept["was_replaced"]) != ("linearizable", "by_revision", False):
            sys.exit(f"over {LIVES} lives the answers are {kept['verdict']}, {kept['proof']}: {json.dumps(kept)[:3000]}")
        if kept["unanswered"] == 0 or kept["operations"] < 1000:
            sys.exit(f"the server was not killed in the middle of the run: {json.dumps(kept)[:1000]}")
        lost = verification_of(client, scratch / "lost.json", None)
        if (lost["verdict"], lost["was_replaced"]) != ("undecided", True):
            sys.exit(f"a server that forgets all at each kill is {lost['verdict']}: {json.dumps(lost)[:3000]}")
        data, copy = scratch / "rolled-back", scratch / "copy"

        def roll_back():
            """To the end of the first life, under the same database id."""
            if copy.exists():
                shutil.rmtree(data)
                copy.rename(data)
            else:
                shutil.copytree(data, copy)

        lost = verification_of(client, scratch / "rolled-back.json", data, roll_back)
        if (lost["verdict"], lost["was_replaced"]) != ("violated", False):
            sys.exit(f"a server that was rolled back is {lost['verdict']}: {json.dumps(lost)[:3000]}")
        if not 0 < lost["violated_keys"] <= lost["keys"]:
            sys.exit(f"{lost['violated_keys']} of {lost['keys']} keys are violated")
        print(f"{kept['operations']} operations over {LIVES} lives, {kept['unanswered']} of them unanswered, are serializable")


if __name__ == "__main__":
    main()
