#!/usr/bin/env bash
# `./x bench fuzz [NAME…] [--seconds N | --runs N] [--fast]`: the fuzzers of the parsers (default: all, for a minute each), one
# on each core. Each begins with its corpus in tests/fuzz/corpus and with what it found before. It is a proof rather than a
# measurement: an input that breaks a promise is kept in build/fuzz/found, and belongs into the corpus when its bug is fixed.
# With --fast the search is without the address sanitizer, ten times as fast; then the sanitizer sees all that it kept. The
# tree is build/fuzz-fast.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
source "$root/.ci/common.bash"
cd "$root"

names=() limit=-max_total_time=60
export preset=fuzz
while (($#)); do
  case "$1" in
    --seconds) limit=-max_total_time=${2:?--seconds takes a number} && shift ;;
    --runs) limit=-runs=${2:?--runs takes a number} && shift ;;
    --fast) preset=fuzz-fast ;;
    -*) die "there is no $1; there are --seconds N, --runs N and --fast" ;;
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
[[ $preset == fuzz ]] || build "$preset" holdfast_fuzz
mkdir -p "build/$preset/logs"

# shellcheck disable=SC2317 # called through xargs
fuzz_one() { # NAME LIMIT
  local log=build/$preset/logs/$1.log started=$SECONDS result=held
  tests/fuzz/run.sh "build/$preset/bin/holdfast_fuzz" "$1" "$2" >"$log" 2>&1 || result=BROKEN
  printf '%-14s %-7s %11s executions, %5d s\n' "$1" "$result" \
    "$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")" $((SECONDS - started))
  if [[ $result == held && $preset != fuzz ]]; then
    tests/fuzz/run.sh build/fuzz/bin/holdfast_fuzz "$1" -runs=0 "build/$preset/corpus/$1" >"$log" 2>&1 || {
      result=BROKEN
      printf '%-14s BROKEN with the address sanitizer\n' "$1"
    }
  fi
  [[ $result == held ]] || {
    grep -v '^#\|^\s*#\|NEW_FUNC' "$log" | head -n 40
    return 1
  }
}
export -f fuzz_one
printf '%s\0' "${names[@]}" | xargs -0 -P "$(nproc)" -I{} bash -c 'fuzz_one "$@"' fuzz {} "$limit"
