#!/usr/bin/env bash
# `./x package --test`: installs the packages of the release build into a clean Debian, starts the server by the unit's own
# command line, kills it, starts it again and removes the packages. Needs root and a Debian mirror.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
source "$root/.ci/common.bash"
((EUID == 0)) || die "only root may make a clean Debian to install the packages into"
install_packages base_image
archive=${XDG_CACHE_HOME:-$HOME/.cache}/holdfast/debian-bookworm-minbase.tar.gz
clean=$(mktemp -d /tmp/holdfast-clean.XXXXXX)
clean_up() {
  umount "$clean/proc" 2>/dev/null || true
  rm -rf --one-file-system "$clean"
}
trap clean_up EXIT
if [[ -f $archive ]]; then
  tar -C "$clean" -xzf "$archive"
else
  debootstrap --variant=minbase bookworm "$clean" >&2
fi
[[ -c $clean/dev/null ]] || { mkdir -p "$clean/dev" && mknod -m 666 "$clean/dev/null" c 1 3 && mknod -m 666 "$clean/dev/urandom" c 1 9; }
mkdir -p "$clean/proc" "$clean/packages"
mount -t proc proc "$clean/proc"
cp /etc/resolv.conf "$clean/etc/"
# This machine's archives, and no others beside them.
rm -f "$clean/etc/apt/sources.list"
cp -r /etc/apt/. "$clean/etc/apt/"
cp "$root"/build/release/packages/*.deb "$clean/packages/"
cat >"$clean/try" <<'TRY'
set -eu
export DEBIAN_FRONTEND=noninteractive LC_ALL=C HOLDFAST_URL=http://127.0.0.1:18099
apt-get -qq update
apt-get -qq install --yes --no-install-recommends /packages/holdfast-server_*.deb /packages/holdfast_*.deb >/dev/null
command=$(sed -n 's/^ExecStart=//p' /usr/lib/systemd/system/holdfast-server.service)
variables=$(sed -n 's/^Environment=//p' /usr/lib/systemd/system/holdfast-server.service)
start() {
  # As the unit: its user, its variables, its file of settings.
  (set -a; . /etc/default/holdfast-server; exec setpriv --reuid holdfast --regid holdfast --clear-groups \
    env $variables HOLDFAST_LISTEN=127.0.0.1:18099 $command) &
  server=$!
  for attempt in $(seq 100); do
    HOLDFAST_LISTEN=127.0.0.1:18099 holdfast-server healthcheck 2>/dev/null && return
    sleep 0.1
  done
  echo "the server does not start" >&2
  exit 1
}
start
holdfast put greeting '"kept"'
kill -9 "$server"
wait "$server" || true
start
[ "$(holdfast get greeting)" = '"kept"' ]
[ "$(stat -c %U /var/lib/holdfast/data)" = holdfast ]
kill "$server"
wait "$server"
apt-get -qq purge --yes holdfast-server holdfast >/dev/null
! command -v holdfast-server >/dev/null
[ ! -e /etc/default/holdfast-server ]
[ -d /var/lib/holdfast/data ]
echo "packages: installed, started, killed, started again with its data, removed"
TRY
chroot "$clean" /bin/sh /try
