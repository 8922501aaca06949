"""Holds every header of the product to a header set, so that the build verifies that it compiles alone.

header_sets.py ROOT TREE: prints the headers that no target of the build tree TREE verifies; exits 1 when there is one.
The verification itself is the target all_verify_interface_header_sets.
"""

import json
import os
import sys

ROOMS = ("protocol", "server", "client")
SUFFIX = "_verify_interface_header_sets/"


def verified(tree):
    """The headers that the build tree compiles alone, as they would be written in an #include."""
    with open(os.path.join(tree, "compile_commands.json"), encoding="utf-8") as database:
        for entry in json.load(database):
            if SUFFIX in entry["file"]:
                yield entry["file"].split(SUFFIX)[1].rsplit(".", 1)[0]


def headers(root):
    for room in ROOMS:
        for folder, _, files in os.walk(os.path.join(root, room)):
            for file in files:
                if file.endswith(".hpp"):
                    yield os.path.relpath(os.path.join(folder, file), root).replace(os.sep, "/")


if __name__ == "__main__":
    root, tree = sys.argv[1:]
    found = set(verified(tree))
    missing = [header for header in sorted(headers(root)) if header.split("/include/")[-1] not in found]
    for header in missing:
        print(f"{header}: no header set names it\n    do: list it under HEADERS of its holdfast_library(), or in a FILE_SET")
    print(f"{len(found)} headers are compiled alone, {len(missing)} are not")
    sys.exit(1 if missing or not found else 0)
