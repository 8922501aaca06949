#!/usr/bin/env bash
# `./x bench sync [--rounds N]`: what a critical section costs under our lock, beside tokio's mutex, std::mutex, strands
# and channels. This script brings the programs; bench/sync/measure.py measures. bench/README.md says how to read it.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
source "$root/.ci/common.bash"
cd "$root"
built=build/bench
source bench/peers.bash

install_packages bench_sync
build_crate tokio bench/sync/tokio_mutex tokio_mutex
build release bench_sync
exec /usr/bin/python3 bench/sync/measure.py "$@"
