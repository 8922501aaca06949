#!/usr/bin/env bash
# `./x bench fuzz [NAME…] [--seconds N | --runs N]`: the fuzzers of the parsers (default: all, for a minute each), one on each
# core. Each begins with its corpus in tests/fuzz/corpus and with what it found before. It is a proof rather than a measurement:
# an input that breaks a promise is kept in build/fuzz/found, and belongs into the corpus when its bug is fixed.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
source "$root/.ci/common.bash"
cd "$root"

names=() limit=-max_total_time=60
while (($#)); do
  case "$1" in
    --seconds) limit=-max_total_time=${2:?--seconds takes a number} && shift ;;
    --runs) limit=-runs=${2:?--runs takes a number} && shift ;;
    -*) die "there is no $1; there are --seconds N and --runs N" ;;
    *)
      [[ -d tests/fuzz/corpus/$1 ]] || die "there is no fuzzer '$1'; there are $(cd tests/fuzz/corpus && echo *)"
      names+=("$1")
      ;;
  esac
  shift
done
((${#names[@]} > 0)) || mapfile -t names < <(cd tests/fuzz/corpus && printf '%s\n' *)

install_packages tsan
build fuzz holdfast_fuzz
mkdir -p build/fuzz/logs

# shellcheck disable=SC2317 # called through xargs
fuzz_one() { # NAME LIMIT
  local log=build/fuzz/logs/$1.log started=$SECONDS result=held
  tests/fuzz/run.sh build/fuzz/bin/holdfast_fuzz "$1" "$2" >"$log" 2>&1 || result=BROKEN
  printf '%-14s %-7s %11s executions, %5d s\n' "$1" "$result" \
    "$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")" $((SECONDS - started))
  [[ $result == held ]] || {
    grep -v '^#\|^\s*#\|NEW_FUNC' "$log" | head -n 40
    return 1
  }
}
export -f fuzz_one
printf '%s\0' "${names[@]}" | xargs -0 -P "$(nproc)" -I{} bash -c 'fuzz_one "$@"' fuzz {} "$limit"
