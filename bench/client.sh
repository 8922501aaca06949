#!/usr/bin/env bash
# `./x bench client`: what a request costs `holdfast load`, beside wrk on the same load. This script brings the programs;
# bench/client/measure.py measures. bench/README.md says how to read it.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
source "$root/.ci/common.bash"
cd "$root"

install_packages bench_client
build release holdfast holdfast-server
exec /usr/bin/python3 bench/client/measure.py "$@"
