"""Checks that the client knows the server's environment variables.

environment_variables.py ROOT: the client reports unknown HOLDFAST_ variables, so it must know those of the server, whose code it
can't include. Prints the variables that it does not know; exits 1 if there is one.
"""

import glob
import os
import re
import sys

root = sys.argv[1]
NAME = re.compile(r'"(HOLDFAST_[A-Z_]+)"')


def names(pattern):
    found = set()
    for path in glob.glob(os.path.join(root, pattern)):
        with open(path, encoding="utf-8") as source:
            found |= set(NAME.findall(source.read()))
    return found


of_server = names("server/app/*.cpp")
known = names("client/cli/environment.cpp")
for name in sorted(of_server - known):
    print(f"{name} of the server is unknown to the client\n    do: add it to `known` in client/cli/environment.cpp")
sys.exit(1 if of_server - known or not of_server else 0)
