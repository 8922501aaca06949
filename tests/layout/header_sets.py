"""Holds every header of the product to the promise that it compiles alone.

header_sets.py ROOT TREE: prints the headers of which nothing in the build tree TREE proves it; exits 1 when there is one.
The proof is a compiled source of the header's name that includes it before anything else, without a precompiled header, or
the target all_verify_interface_header_sets, which compiles the others. Of sources that are compiled together, clang-tidy's
reading of each is the proof.
"""

import os
import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / ".ci"))
import compile_commands  # noqa: E402

ROOMS = ("protocol", "tls", "manual", "server", "client")
SUFFIX = "_verify_interface_header_sets/"


def first_include(path):
    with open(path, encoding="utf-8") as source:
        return re.search(r'^\s*#\s*include\s*["<]([^">]+)[">]', source.read(), re.M)[1]


def proved(root, tree):
    """The headers that the build tree compiles alone, as they would be written in an #include."""
    for entry in compile_commands.read(tree, root):
        if SUFFIX in entry["file"]:
            yield entry["file"].split(SUFFIX)[1].rsplit(".", 1)[0]
            continue
        header = os.path.relpath(entry["file"], root).replace(os.sep, "/").replace(".cpp", ".hpp")
        if os.path.exists(os.path.join(root, header)) and "cmake_pch" not in entry["command"]:
            if first_include(entry["file"]) == header:
                yield header


def headers(root):
    for room in ROOMS:
        for folder, _, files in os.walk(os.path.join(root, room)):
            for file in files:
                if file.endswith(".hpp"):
                    yield os.path.relpath(os.path.join(folder, file), root).replace(os.sep, "/")


if __name__ == "__main__":
    root, tree = sys.argv[1:]
    found = set(proved(root, tree))
    missing = [header for header in sorted(headers(root)) if header.split("/include/")[-1] not in found]
    for header in missing:
        print(f"{header}: nothing compiles it alone\n    do: list it under HEADERS of its holdfast_library(), or in a FILE_SET,"
              " and include it first in its own source")
    print(f"{len(found)} headers are compiled alone, {len(missing)} are not")
    sys.exit(1 if missing or not found else 0)
