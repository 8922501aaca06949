"""The compile commands of a build tree, one for each source that somebody wrote: a file that CMake made of several sources of
a room (TOGETHER in cmake/holdfast.cmake) stands for each of these."""

import json
import os
import re

ONE_SOURCE = re.compile(r'#include "(.+\.cpp)"')


def sources_in(path, root):
    """The sources that a file of the build tree includes, if it consists of nothing else."""
    try:
        with open(path, encoding="utf-8") as file:
            lines = [ONE_SOURCE.fullmatch(line) for line in file.read().splitlines()]
    except FileNotFoundError:  # not made yet
        return []
    return [os.path.join(root, line[1]) for line in lines] if lines and all(lines) else []


def read(tree, root):
    with open(os.path.join(tree, "compile_commands.json"), encoding="utf-8") as database:
        for entry in json.load(database):
            path = os.path.join(entry["directory"], entry["file"])
            sources = sources_in(path, root) if path.startswith(os.path.join(os.path.realpath(tree), "")) else []
            if not sources:
                yield entry
            for source in sources:
                yield {**entry, "file": source, "command": entry["command"].replace(entry["file"], source)}
