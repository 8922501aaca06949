#!/usr/bin/env bash
# `./x bench http [SCENARIO…] [--quick] [--peers …]`: what a request costs, beside peers and the limit. This script brings
# the programs; bench/http/bench.py measures. bench/README.md says how to read it.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
source "$root/.ci/common.bash"
cd "$root"
built=build/bench
source bench/peers.bash

# The peers that this run measures, each followed by a space.
peers() {
  local argument next='' chosen='nginx nginx-file hyper go redis '
  for argument in "$@"; do
    case "$argument" in
      --quick | show | -h | --help) [[ $chosen != *go* ]] || chosen='nginx ' ;;
      --peers=*) chosen="${argument#*=} " ;;
    esac
    [[ $next != --peers ]] || chosen="$argument "
    next=$argument
  done
  echo "${chosen//,/ }"
}

# Whether this run needs the server without insight: where it is named, and in a run of everything.
needs_unwatched() {
  local argument named='' all=yes
  for argument in "$@"; do
    case "$argument" in
      insight) named=yes ;;
      --quick | show | -h | --help) all='' ;;
      requests | idle-memory | start | keys | connections | large | held-lock) all='' ;;
      threads | scaling | preempted | after-hold | stream | slow-clients) all='' ;;
    esac
  done
  [[ -n $named$all ]]
}

bring_go() {
  [[ ! bench/http/peers/go_kv/main.go -nt $built/go_kv ]] || {
    say "Building the Go peer"
    GO111MODULE=off GOCACHE=$root/$built/go_cache go build -o "$built/go_kv" bench/http/peers/go_kv/main.go
  }
}

mkdir -p "$built"
install_packages bench
for peer in $(peers "$@"); do
  case "$peer" in
    nginx*) bring_nginx ;;
    hyper) install_packages bench_hyper && build_crate hyper bench/http/peers/hyper_kv hyper_kv ;;
    go) install_packages bench_go && bring_go ;;
    redis) install_packages bench_redis ;;
  esac
done
! needs_unwatched "$@" || build unwatched holdfast-server
build release holdfast-server bench_floor bench_hammer bench_map
exec /usr/bin/python3 bench/http/bench.py "$@"
