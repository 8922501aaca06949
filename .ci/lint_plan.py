"""lint_plan.py TREE LINT CACHE VERSION FILE…: what clang-tidy has to read, and how.

Writes LINT/compile_commands.json, the build tree's one without precompiled headers, which clang-tidy can't read. Prints two
lines for each of the files that is compiled and has not passed as it is: the file, and the stamp in CACHE to leave when it
passes. A stamp's name is made of all that clang-tidy sees of the file but what the system brings.
"""

import functools
import hashlib
import json
import os
import re
import sys

import compile_commands

INCLUDE = re.compile(r'^\s*#\s*include\s*["<]([^">]+)[">]', re.M)
PRECOMPILED = re.compile(r" -Winvalid-pch| -fpch-preprocess| -include \S+/cmake_pch\.hxx")
FOLDERS = ("", "server/sync/include")


@functools.lru_cache(maxsize=None)
def read(path):
    """The text of a file and those of our files that it includes."""
    with open(path, encoding="utf-8") as file:
        text = file.read()
    candidates = {os.path.normpath(os.path.join(folder, name))
                  for name in INCLUDE.findall(text) for folder in (*FOLDERS, os.path.dirname(path))}
    return text, tuple(sorted(candidate for candidate in candidates if os.path.isfile(candidate)))


def seen_of(path):
    """The file and everything of ours that it includes, directly or not."""
    seen, pending = set(), [path]
    while pending:
        path = pending.pop()
        if path not in seen:
            seen.add(path)
            pending.extend(read(path)[1])
    return sorted(seen)


def rules_for(path):
    """The texts of the .clang-tidy files that hold for a file."""
    folder = os.path.dirname(path)
    while True:
        rules = os.path.join(folder, ".clang-tidy")
        if os.path.isfile(rules):
            yield read(rules)[0]
        if not folder:
            return
        folder = os.path.dirname(folder)


def stamp(path, commands, version):
    root = os.getcwd()
    told = [version, *rules_for(path), *sorted(command.replace(root, "") for command in commands)]
    for seen in seen_of(path):
        told += [seen, read(seen)[0]]
    return hashlib.sha256("\0".join(told).encode()).hexdigest()[:40]


def main():
    tree, lint, cache, version, *files = sys.argv[1:]
    entries = list(compile_commands.read(tree, os.getcwd()))
    commands = {}
    for entry in entries:
        entry["command"] = PRECOMPILED.sub("", entry["command"])
        path = os.path.relpath(os.path.join(entry["directory"], entry["file"]))
        commands.setdefault(path, []).append(entry["command"])
    os.makedirs(lint, exist_ok=True)
    with open(os.path.join(lint, "compile_commands.json"), "w", encoding="utf-8") as database:
        json.dump(entries, database)
    for file in files:
        if file in commands:
            passed = os.path.join(cache, stamp(file, commands[file], version))
            if os.path.exists(passed):
                os.utime(passed)
            else:
                print(f"{file}\n{passed}")


main()
