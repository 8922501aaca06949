#!/usr/bin/env bash
# `./x bench locks`: memory, hand-over and idle cost of many named locks and of many who wait for one.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
source "$root/.ci/common.bash"
cd "$root"

build release holdfast-server
PYTHONPATH=tests/process exec python3 -B bench/locks.py build/release/bin/holdfast-server "$@"
