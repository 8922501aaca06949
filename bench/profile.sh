#!/usr/bin/env bash
# `./x bench profile [LOAD] [SERVER]`: which functions a request's instructions go to. See bench/README.md.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
source "$root/.ci/common.bash"
cd "$root"
load=${1:-get64}
server=${2:-build/release/bin/holdfast-server}
case "$load" in
  get64) options=(--connections 64) ;;
  put64) options=(--connections 64 --method PUT) ;;
  get1) options=(--connections 1) ;;
  pipe16) options=(--connections 64 --depth 16) ;;
  *) die "there is no load '$load'; there are get64, put64, get1 and pipe16" ;;
esac
install_packages bench_profile
build release holdfast-server bench_hammer

counts=$(mktemp)
port=$((20000 + RANDOM % 20000))
hammer() { build/release/bin/bench_hammer --port "$port" "$@" "${options[@]}"; }

# Counting begins when the server is warm, so that its start is not in the figures.
valgrind --tool=callgrind --callgrind-out-file="$counts" --instr-atstart=no \
  "$server" --listen "127.0.0.1:$port" --threads 1 --writer-period 0 --log-level warn --in-memory 2>/dev/null &
counted=$!
trap 'kill "$counted" 2>/dev/null || true; rm -f "$counts"' EXIT
for ((tries = 0; ; ++tries)); do
  ((tries < 300)) || die "the server does not start under valgrind"
  if curl -s -o /dev/null -X PUT -d '{"name":"hello-world"}' "127.0.0.1:$port/v1/kv/bench"; then break; fi
  sleep 0.1
done
hammer --seconds 0.5 >/dev/null
callgrind_control -i on "$counted" >/dev/null
seen=$(hammer --seconds 3)
callgrind_control -i off "$counted" >/dev/null
kill "$counted"
wait "$counted"
python3 bench/http/callgrind.py "$counts" "$seen"
