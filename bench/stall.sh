#!/usr/bin/env bash
# `./x bench stall`: the same stall of a second, in an open loop and in a closed one: the picture of client/load/README.md.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
source "$root/.ci/common.bash"
cd "$root"

install_packages bench
build release holdfast holdfast-server
exec /usr/bin/python3 bench/client/stall.py "$@"
