#!/usr/bin/env bash
# `./x bench kills [N] [arguments of tests/process/kills.py]`: kill -9 in the middle of a load, N times (default: 1,000), on one
# data directory. Whatever was acknowledged must be there after each start. It is a proof rather than a measurement.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
source "$root/.ci/common.bash"
cd "$root"

build release holdfast-server
exec python3 -B tests/process/kills.py build/release/bin/holdfast-server --kills "${1:-1000}" "${@:2}"
