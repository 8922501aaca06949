#!/usr/bin/env bash
# run.sh PROGRAM NAME [libFuzzer's arguments]: one fuzzer with its dictionary, from its corpus in the repository and from
# what it found before. What breaks a promise is written to found/ beside the program's directory.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
program=$1 name=$2
tree=$(cd "$(dirname "$program")/.." && pwd)
mkdir -p "$tree/corpus/$name" "$tree/found"
dictionary=$here/dictionaries/$("$program" --dictionary "$name").dict
# Short traces of allocations, and little memory of what was freed: both take time for each input.
sanitizer=detect_stack_use_after_return=1:malloc_context_size=4:quarantine_size_mb=16
export ASAN_OPTIONS=${ASAN_OPTIONS:-$sanitizer} UBSAN_OPTIONS=${UBSAN_OPTIONS:-print_stacktrace=1}
exec "$program" "$name" -dict="$dictionary" -artifact_prefix="$tree/found/$name-" -max_len=1024 -timeout=20 \
  -print_final_stats=1 "${@:3}" "$tree/corpus/$name" "$here/corpus/$name"
