#!/usr/bin/env bash
# `./x bench sharing`: finds convoys, starvation and memory without bound, in some four minutes. A short run of the
# scenarios of `./x bench http` that are about sharing; its flags go on behind these.
set -euo pipefail
exec "$(dirname "${BASH_SOURCE[0]}")/http.sh" threads scaling preempted after-hold stream slow-clients \
  --rounds 5 --seconds 0.25 --peers nginx "$@"
