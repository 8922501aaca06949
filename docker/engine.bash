# An engine to test with: the user's own Docker or Podman where one answers, else a private Docker. Expects $root and .ci/common.bash;
# sourced, never run.
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # $root comes from the script that sources this, which uses run_network
#
# use_engine sets
#   docker          the client's command as an array: docker or podman
#   engine_private  1 for an engine of our own, which has no bridge: every container shares the host's network
#   run_network     the arguments of `docker run` for its network
# stop_engine takes a private engine down and removes its folder; harmless otherwise and when called twice. The layers
# stay in the build tree for the next run, unless they would lie there as root's in somebody else's folder.

base_image=debian:bookworm-slim
engine_private=0
engine_folder='' engine_data='' engine_pid='' engine_lock=''
as_root=()

use_engine() {
  PATH=$PATH:/usr/sbin:/sbin
  if [[ -z ${HOLDFAST_PRIVATE_ENGINE:-} ]]; then
    ! find_own_engine || return 0
    # With systemd, installing the package would enable a service that nobody asked for.
    [[ ! -d /run/systemd/system ]] || command -v dockerd >/dev/null ||
      die "there is no engine; install one, such as Debian's podman or docker.io, and run this again"
  fi
  start_engine
}

find_own_engine() {
  run_network=(--publish 127.0.0.1::8080)
  docker=(docker)
  ! docker info >/dev/null 2>&1 || return 0
  docker=(sudo -n docker)
  ! command -v sudo >/dev/null || ! sudo -n docker info >/dev/null 2>&1 || return 0
  # It answers also where it can run nothing, so a Docker that can be started goes before it.
  docker=(podman)
  ! command -v dockerd >/dev/null && podman info >/dev/null 2>&1
}

is_podman() { [[ ${docker[*]} == podman ]]; }

start_engine() {
  say "No Docker engine answers: starting a private one"
  command -v dockerd >/dev/null || install_packages docker
  install_packages base_image
  if ((EUID != 0)); then
    sudo -n true 2>/dev/null || [[ -t 0 ]] || die "a private Docker engine needs root: run as root, or start your own engine"
    as_root=(sudo)
  fi
  engine_private=1
  run_network=(--network=host)
  # Layers lie in the build tree, where a second run finds them. One engine at a time may use them.
  engine_data=$root/build/engine
  mkdir -p "$engine_data"
  exec {engine_lock}>"$engine_data.lock"
  flock --wait 600 "$engine_lock" || die "another ./x docker uses $engine_data and has not ended within 10 minutes"
  # Sockets in a short path, since the system allows 107 characters.
  engine_folder=$(mktemp -d /tmp/holdfast-engine.XXXXXX)
  local limits=() limit
  for limit in nofile:-Hn nproc:-Hu; do
    local most
    most=$(ulimit "${limit#*:}")
    # A container may not ask for more than the engine itself has.
    [[ $most == unlimited ]] || limits+=(--default-ulimit "${limit%:*}=$most:$most")
  done
  "${as_root[@]}" dockerd --iptables=false --ip6tables=false --bridge=none --group "$(id -gn)" \
    --host "unix://$engine_folder/d.sock" --pidfile "$engine_folder/pid" \
    --exec-root "$engine_folder/exec" --data-root "$engine_data" "${limits[@]}" >"$engine_folder/log" 2>&1 </dev/null &
  engine_pid=$!
  # Debian's client next to its engine, whatever else the path holds; the builder without BuildKit is in both.
  docker=(env DOCKER_BUILDKIT=0 "$(command -v /usr/bin/docker || command -v docker)" --host "unix://$engine_folder/d.sock")
  local attempt
  for ((attempt = 0; attempt < 150; ++attempt)); do
    if "${docker[@]}" info >/dev/null 2>&1; then
      import_base_image
      return
    fi
    kill -0 "$engine_pid" 2>/dev/null || break
    sleep 0.2
  done
  tail -n 20 "$engine_folder/log" >&2
  die "the private Docker engine did not start; its last words are above"
}

# The base image without a registry: Debian's own installer makes it. Kept for a month, since it takes a minute.
import_base_image() {
  ! "${docker[@]}" image inspect "$base_image" >/dev/null 2>&1 || return 0
  local cache=${XDG_CACHE_HOME:-$HOME/.cache}/holdfast
  local archive=$cache/debian-bookworm-minbase.tar.gz
  if [[ -z $(find "$archive" -mtime -30 2>/dev/null) ]]; then
    say "Making $base_image with debootstrap (kept in $cache)"
    mkdir -p "$cache"
    if ! "${as_root[@]}" debootstrap --variant=minbase bookworm "$engine_data/base" >"$engine_folder/debootstrap.log" 2>&1; then
      tail -n 20 "$engine_folder/debootstrap.log" >&2
      die "debootstrap could not make the base image; its last words are above. It needs root and a Debian mirror."
    fi
    "${as_root[@]}" tar -C "$engine_data/base" --exclude='./var/cache/apt/*' --exclude='./var/lib/apt/lists/*' --exclude='./dev/*' -cz . >"$archive.$$"
    mv "$archive.$$" "$archive"
    "${as_root[@]}" rm -rf "$engine_data/base"
  fi
  "${docker[@]}" import "$archive" "$base_image" >/dev/null
}

stop_engine() {
  ((engine_private)) || return 0
  engine_private=0
  "${docker[@]}" image prune --force >/dev/null 2>&1 || true
  if [[ -s $engine_folder/pid ]]; then
    "${as_root[@]}" kill "$(<"$engine_folder/pid")" 2>/dev/null || true
  fi
  [[ -z $engine_pid ]] || wait "$engine_pid" 2>/dev/null || true
  local mounted
  while read -r _ mounted _; do
    [[ $mounted != "$engine_folder"/* && $mounted != "$engine_data"/* ]] || "${as_root[@]}" umount -l "$mounted" || true
  done < <(tac /proc/mounts)
  "${as_root[@]}" rm -rf "$engine_folder"
  ((EUID == 0)) || "${as_root[@]}" rm -rf "$engine_data"
}
