"""compiled_sources.py TREE FILE…: prints those of the files that the build tree's compile database compiles."""

import json
import os
import sys

tree, files = sys.argv[1], sys.argv[2:]
with open(os.path.join(tree, "compile_commands.json"), encoding="utf-8") as database:
    compiled = {os.path.realpath(os.path.join(entry["directory"], entry["file"])) for entry in json.load(database)}
for file in files:
    if os.path.realpath(file) in compiled:
        print(file)
