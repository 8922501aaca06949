#!/usr/bin/env bash
# `./x bench disk [puts|gets|starts|idle]… [--rounds N] [--seconds S]`: what durability costs, beside peers that sync each write:
# Redis and etcd, where they are installed. bench/http/disk.py measures; bench/README.md says how to read it.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
source "$root/.ci/common.bash"
cd "$root"

build release holdfast-server bench_hammer
exec /usr/bin/python3 bench/http/disk.py "$@"
