"""A mutex without instrumentation compiles to the code of one that never heard of it.

    same_code.py COMPILER INCLUDE_DIRECTORY SCRATCH_DIRECTORY

Compiles same_code_probe.cpp twice, with the library's headers as they are and with every call of the instrumentation
cut out, and compares the assembly. With a policy the two must differ, which shows that the cut is one.
"""
import pathlib
import re
import shutil
import subprocess
import sys

CALL = re.compile(r"(?:if constexpr \(\w+<\w+>\) )?(?:if \([^;{}]*\) )?"
                  r"(?:\w[\w.]* = )?(?:\w+(?:->|\.))?instrument_\.(?:asked|granted|released|cancelled)\([^;]*;")
CALLS_MIN = 7


def cut(include, into):
    """Copies the headers without the calls; returns how many there were."""
    shutil.rmtree(into, ignore_errors=True)
    shutil.copytree(include, into)
    count = 0
    for header in into.rglob("*.hpp"):
        text, found = CALL.subn("", header.read_text())
        header.write_text(text)
        count += found
    return count


def assembly(compiler, include, *options):
    probe = pathlib.Path(__file__).with_name("same_code_probe.cpp")
    text = subprocess.run([compiler, "-std=c++20", "-O2", "-g0", "-DNDEBUG", "-w", "-S", "-o", "-", f"-I{include}",
                           *options, probe], check=True, capture_output=True, text=True).stdout
    # Compilers number labels by the source that they read, not by the code that they emit.
    names = {}
    return re.sub(r"\.L[A-Z]*\d+", lambda label: names.setdefault(label[0], f".L{len(names)}"), text)


def main():
    compiler, include, scratch = sys.argv[1], pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3])
    without = scratch / "without_calls"
    calls = cut(include, without)
    if calls < CALLS_MIN:
        return f"only {calls} calls of the instrumentation found: has its name changed?"
    if assembly(compiler, include) != assembly(compiler, without):
        return "instrumentation that is off leaves a trace in the code"
    if assembly(compiler, include, "-DINSTRUMENTED") == assembly(compiler, without, "-DINSTRUMENTED"):
        return "cutting the calls out changes nothing even with a policy: the comparison is worth nothing"
    return None


if __name__ == "__main__":
    sys.exit(main())
