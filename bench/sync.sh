#!/usr/bin/env bash
# `./x bench sync [--rounds N]`: what a critical section costs under our lock, beside tokio's mutex, std::mutex, strands
# and channels. This script brings the programs; bench/sync/measure.py measures. bench/README.md tells how to read it.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
source "$root/.ci/common.bash"
cd "$root"
built=build/bench

# From the crates that Debian packages, without a network.
bring_tokio() {
  [[ bench/sync/tokio_mutex/src/main.rs -nt $built/tokio/release/tokio_mutex ]] || return 0
  say "Building the tokio peer"
  mkdir -p "$built"
  rm -rf "$built/tokio_source"
  cp -r bench/sync/tokio_mutex "$built/tokio_source"
  /usr/bin/cargo build --release --offline --quiet --manifest-path "$built/tokio_source/Cargo.toml" \
    --target-dir "$built/tokio" --config 'source.crates-io.replace-with="debian"' \
    --config 'source.debian.directory="/usr/share/cargo/registry"'
}

install_packages bench_sync
bring_tokio
build release bench_sync
exec /usr/bin/python3 bench/sync/measure.py "$@"
