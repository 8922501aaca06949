#!/usr/bin/env bash
# `./x bench tls [cpu|idle|crowd]… [--rounds N] [--seconds S]`: what TLS costs beside plain HTTP: processor time of a GET
# on a kept connection, memory of a connection at rest, and what 2,000 handshakes at once do to other requests.
# bench/http/tls.py measures.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
source "$root/.ci/common.bash"
cd "$root"

build release holdfast-server holdfast
exec /usr/bin/python3 bench/http/tls.py "$@"
