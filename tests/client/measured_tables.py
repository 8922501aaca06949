#!/usr/bin/env python3
"""measured_tables.py ROOT: the tables about the client in the documentation are those of the results that lie beside them,
down to the line that says when and where they were measured."""

import json
import pathlib
import sys

root = pathlib.Path(sys.argv[1])
sys.path.append(str(root / "bench/client"))
import measure  # noqa: E402
import stall  # noqa: E402

faults = 0
for room, results, page in ((stall, "stall.json", "client/load/README.md"), (measure, "client.json", "bench/README.md")):
    text = (root / page).read_text(encoding="utf-8").splitlines()
    for line in room.table(json.loads((root / "bench/results" / results).read_text(encoding="utf-8"))).splitlines():
        if line not in text:
            print(f"{page} lacks what bench/results/{results} says: {line}")
            faults += 1
sys.exit(1 if faults else 0)
