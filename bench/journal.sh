#!/usr/bin/env bash
# `./x bench journal [--rounds N] [--directory DIR]`: what it takes to make changes durable, beside a bare log on the same
# disk. This script brings the program; bench/journal/measure.py prints medians. bench/README.md says how to read it.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
source "$root/.ci/common.bash"
cd "$root"

build release bench_journal
exec /usr/bin/python3 bench/journal/measure.py build/release/bin/bench_journal --directory build "$@"
