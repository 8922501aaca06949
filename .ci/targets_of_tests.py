"""targets_of_tests.py TREE REGEX: prints what must be built before `ctest -R REGEX`, a target a line; nothing when the
names alone cannot tell. targets_of_tests.py --check TREE: exits 1 when it would miss the program of a test that is built.

The names of GoogleTest's tests are known only when their programs are built. So they are read in the sources, and in case
of doubt a target too many is named: to build it costs time, to miss it would leave tests out without a word.
"""

import json
import os
import re
import subprocess
import sys

TEST = re.compile(r"^\s*(?:TYPED_)?TEST(_F|_P)?\(\s*(\w+)\s*,\s*(\w+)\s*\)", re.M)
NOT_BUILT = "_NOT_BUILT"  # CMake's test in place of those of a program that is not built yet


class source_names:
    """What a source says of its tests' names."""

    def __init__(self, text):
        found = TEST.findall(text)
        self.tests = {f"{suite}.{name}".replace("DISABLED_", "") for _, suite, name in found}
        # Names of parameters come from anywhere in the file, and have underscores for what no name may hold.
        self.has_parameters = any(kind == "_P" for kind, _, _ in found)
        self.words = re.sub(r"\W+", "_", text)

    def match(self, target, pattern):
        if self.has_parameters and ("/" in pattern.pattern or pattern.search(self.words)):
            return True
        # A program may give its tests a prefix, so the target's name stands before theirs too.
        return any(pattern.search(name) or pattern.search(f"{target}.{name}") for name in self.tests)


def sources_of_targets(tree):
    found = {}
    with open(os.path.join(tree, "compile_commands.json"), encoding="utf-8") as database:
        for entry in json.load(database):
            target = re.search(r" -o \S*?CMakeFiles/([^/]+)\.dir/", entry["command"])
            if target:
                found.setdefault(target[1], set()).add(os.path.join(entry["directory"], entry["file"]))
    return found


def names_of_targets(tree):
    """The sources' names by target, for the targets that hold tests."""
    found = {}
    for target, files in sources_of_targets(tree).items():
        for file in files:
            if "_test.cpp" in file and os.path.exists(file):
                with open(file, encoding="utf-8") as source:
                    found.setdefault(target, []).append(source_names(source.read()))
    return found


def commands_of_tests(tree):
    """The text of the command and properties of each test that CMake knows before anything is built."""
    said = re.compile(r"^(?:add_test|set_tests_properties)\(\[=*\[(.*?)\]=*\]\s(.*?)\)$", re.M | re.S)
    found = {}
    for folder, _, files in os.walk(tree):
        if "CTestTestfile.cmake" in files:
            with open(os.path.join(folder, "CTestTestfile.cmake"), encoding="utf-8") as listed:
                for name, text in said.findall(listed.read()):
                    found[name] = found.get(name, "") + text
    return found


def outputs_in(text, tree, outputs):
    """What the build makes of the paths in a test's command and properties."""
    for path in re.findall(re.escape(tree) + r"/([^\s;:\"']+)", text):
        if path in outputs:
            yield path
            continue
        folder = re.sub(r"/npm(/.*)?$", "", path)
        yield from (output for output in outputs if output.startswith(folder + "/"))


def selected(tree, regex):
    pattern = re.compile(regex)
    targets = {target for target, names in names_of_targets(tree).items()
               if pattern.search(target + NOT_BUILT) or any(name.match(target, pattern) for name in names)}
    listed = subprocess.run(["ninja", "-C", tree, "-t", "targets", "all"], check=True, capture_output=True, text=True).stdout
    outputs = {output for output, rule in re.findall(r"^(.+): (\S+)$", listed, re.M)
               if not output.startswith("/") and "CMakeFiles/" not in output and rule != "phony"}
    commands = {name: text for name, text in commands_of_tests(tree).items() if pattern.search(name)}
    for text in commands.values():
        targets.update(outputs_in(text, tree, outputs))
    # There are tests that need nothing but a configured tree.
    return targets or ({"build.ninja"} if commands else set())


def missed(tree):
    """The tests of programs that are built, whose program would not be built for their name."""
    names = names_of_targets(tree)
    shown = subprocess.run(["ctest", "--test-dir", tree, "--show-only=json-v1"], check=True, capture_output=True, text=True)
    for test in json.loads(shown.stdout)["tests"]:
        target = os.path.basename(test.get("command", [""])[0])
        pattern = re.compile(re.escape(test["name"]))
        if target in names and not any(name.match(target, pattern) for name in names[target]):
            yield f"{test['name']}: -R with this name would not build {target}"


if __name__ == "__main__":
    if sys.argv[1] == "--check":
        lines = sorted(missed(os.path.realpath(sys.argv[2])))
    else:
        lines = sorted(selected(os.path.realpath(sys.argv[1]), sys.argv[2]))
    for line in lines:
        print(line)
    sys.exit(bool(lines) if sys.argv[1] == "--check" else 0)
