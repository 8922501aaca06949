#!/usr/bin/env bash
# `./x bench store [lists|expiry|watches]…`: what lists, expiry and watches cost. bench/http/store.py measures.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
source "$root/.ci/common.bash"
cd "$root"

build release holdfast-server holdfast bench_hammer
exec /usr/bin/python3 bench/http/store.py "$@"
