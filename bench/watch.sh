#!/usr/bin/env bash
# `./x bench watch [SECONDS] [EVENTS_PER_SECOND]`: what the server and the page keep in memory, and how often the page draws,
# while somebody watches a lock that is asked for again and again. A minute and 10,000 a second, unless told otherwise.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
source "$root/.ci/common.bash"
cd "$root"

install_packages browser
build release holdfast holdfast-server holdfast_web_tests
packages=build/release/tests/support/web/npm
[[ -e $packages/packages.stamp ]] || die "npm could not install the browser's driver: is its registry in reach?"
mkdir -p "$packages/support/web" "$packages/watch"
cp tests/support/web/*.mjs "$packages/support/web/"
cp bench/watch/*.mjs "$packages/watch/"
export HOLDFAST=$root/build/release/bin/holdfast HOLDFAST_SERVER=$root/build/release/bin/holdfast-server
cd "$packages"
exec node watch/minute.mjs "$@"
