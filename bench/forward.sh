#!/usr/bin/env bash
# `./x bench forward [SECONDS]`: what requests cost through a standby, beside the same requests to the leader. Needs etcd
# (Debian: etcd-server).
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
source "$root/.ci/common.bash"
cd "$root"

build release holdfast-server holdfast
PYTHONPATH=tests/process exec python3 -B bench/forward.py build/release/bin/holdfast-server build/release/bin/holdfast "$@"
