"""callgrind.py FILE REPORT: instructions per request by function, from callgrind's counts and the client's report.

callgrind_annotate splits a function by the files that were inlined into it; here each function is one line.
"""

import collections
import json
import re
import sys

SHORTER = {
    "std::__cxx11::basic_string<char, std::char_traits<char>, std::allocator<char> >": "string",
    "std::basic_string_view<char, std::char_traits<char> >": "string_view",
    "boost::core::basic_string_view<char>": "string_view",
    "holdfast::": "",
}
LINES = 50


def name_of(text, names):
    """`(7) name` introduces a name, `(7)` stands for it from then on."""
    number, name = re.fullmatch(r"\((\d+)\)(?: (.*))?", text).groups()
    if name:
        names[number] = name
    return number


def count(file):
    """The names, and by function the instructions in it alone, and with what it called."""
    names, alone, together = {}, collections.Counter(), collections.Counter()
    function, of_a_call = None, False
    for line in file:
        if line.startswith("fn="):
            function = name_of(line[3:].rstrip(), names)
        elif line.startswith("cfn="):
            name_of(line[4:].rstrip(), names)
        elif line.startswith("calls="):
            of_a_call = True
        elif line[0].isdigit() or line[0] in "+-*":
            instructions = int(line.split()[1])
            together[function] += instructions
            alone[function] += 0 if of_a_call else instructions
            of_a_call = False
    return names, alone, together


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        names, alone, together = count(file)
    requests = json.loads(sys.argv[2])["requests"]
    print(f"instructions per request, {requests:,} requests; system calls count as one\n")
    print(f"{'alone':>9} {'with calls':>11}")
    print(f"{sum(alone.values()) / requests:9.1f} {'':11} all")
    for function, instructions in alone.most_common(LINES):
        name = names[function]
        for long, short in SHORTER.items():
            name = name.replace(long, short)
        print(f"{instructions / requests:9.1f} {together[function] / requests:11.1f} {name[:120]}")


if __name__ == "__main__":
    main()
