#!/usr/bin/env bash
# `./x bench chaos [DURATION] [arguments of tests/process/chaos.py]`: disturbs three servers on three etcd at random for so long
# (default: 10m), and checks that their clients have seen nothing that one undisturbed server could not have shown them.
# `--seed N` repeats a run's disturbances. It is a proof rather than a measurement, and needs etcd (Debian: etcd-server).
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
source "$root/.ci/common.bash"
cd "$root"

duration=10m
if [[ ${1:-} =~ ^[0-9]+[smh]$ ]]; then
  duration=$1
  shift
fi
build release holdfast-server holdfast
exec python3 -B tests/process/chaos.py build/release/bin/holdfast-server --client build/release/bin/holdfast \
  --duration "$duration" "$@"
