#!/usr/bin/env bash
# `./x bench cluster [puts|reads|forward|failover]… [--rounds N] [--seconds S] [--failovers N]`: what several servers cost,
# beside etcd, nginx and a single server, and how long a change of leader takes. Needs etcd (Debian: etcd-server).
# bench/README.md says how to read it.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
source "$root/.ci/common.bash"
source "$root/bench/peers.bash"
cd "$root"
built=build/bench

bring_nginx
build release holdfast-server bench_hammer
PYTHONPATH=tests/process exec python3 -B bench/http/cluster_costs.py "$@"
