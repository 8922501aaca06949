#!/usr/bin/env bash
# `./x docker [--compiled|--sources]`: builds the image and tries it for real, as strictly as somebody may run it: read-only
# root, no capability, an ordinary user. Needs no registry and no privileges for bridges. Where there is a release build the
# image gets its programs, brought up to date (--compiled: also where there is none); with --sources it is made of the sources
# alone, as `docker build` makes it.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
source "$root/.ci/common.bash"
source "$root/docker/engine.bash"
cd "$root"

image=holdfast
container=holdfast-test-$$
compiled=0
[[ ! -f $root/build/release/build.ninja ]] || compiled=1
context=''
for argument in "$@"; do
  case "$argument" in
    --compiled) compiled=1 ;;
    --sources) compiled=0 ;;
    *) die "usage: ./x docker [--compiled|--sources]" ;;
  esac
done

clean_up() {
  local status=$?
  trap - EXIT
  if [[ -n ${docker[*]:-} ]]; then
    ((status == 0)) || "${docker[@]}" logs --tail 20 "$container" >&2 || true
    "${docker[@]}" rm --force --volumes "$container" >/dev/null 2>&1 || true
  fi
  [[ -z $context ]] || rm -rf "$context"
  stop_engine
  exit "$status"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

passed() { echo "image: $*"; }
expect() { # WHAT EXPECTED ACTUAL
  [[ $2 == "$3" ]] || die "$1 is '$3' and should be '$2'"
  passed "$1 is $3"
}
inspect() { "${docker[@]}" inspect --format "$1" "${@:2}"; }
now_ms() { date +%s%3N; }

# Tries COMMAND until it succeeds, for at most SECONDS.
within() { # SECONDS WHAT COMMAND…
  local until_ms=$(($(now_ms) + $1 * 1000))
  until "${@:3}" >/dev/null 2>&1; do
    (($(now_ms) < until_ms)) || die "$2 did not happen within $1 s"
    sleep 0.1
  done
}

# The last stage of the Dockerfile, upon a first one that holds what the release build has compiled.
write_compiled_context() {
  build release holdfast-server holdfast || die "the release build failed"
  mkdir -p build
  context=$(mktemp -d build/image.XXXXXX)
  sh docker/make_root.sh build/release/bin "$context/image"
  {
    printf 'FROM scratch AS build\nCOPY image /image\n'
    awk '/^FROM / { ++stage } stage > 1' docker/Dockerfile
  } >"$context/Dockerfile"
}

# What the build needs, the Dockerfile installs too; what only tests need it does not.
check_packages() {
  local package missing=()
  for package in "${packages_build[@]}" "${packages_web[@]}"; do
    case "$package" in
      ccache | curl | python3 | relacy-dev | libgtest-dev | libgmock-dev) continue ;;
    esac
    grep -qE "(^|[[:space:]])${package//+/\\+}([[:space:]]|\$)" docker/Dockerfile || missing+=("$package")
  done
  ((${#missing[@]} == 0)) || die "docker/Dockerfile does not install ${missing[*]}, which the build needs"
  passed "installs what the build needs"
}

# Keeps all lines in a log, and shows where the build is: on a terminal its latest line, elsewhere its steps.
show_progress() { # LOG
  if [[ -t 2 ]]; then
    tee -a "$1" | while IFS= read -r line; do printf '\r\033[K%.*s' $((${COLUMNS:-80} - 1)) "$line" >&2; done
    printf '\r\033[K' >&2
  else
    tee -a "$1" | sed --unbuffered -nE '/^(Step|STEP) [0-9]+\/[0-9]+|^#[0-9]+ \[/p' >&2
  fi
}

build_image() {
  local log=build/image.log
  local build=("${docker[@]}" build)
  local labels=(--build-arg REVISION="$(git rev-parse HEAD 2>/dev/null || echo unknown)"
    --build-arg VERSION="$(sed -nE 's/^project\(holdfast VERSION ([0-9.]+).*/\1/p' CMakeLists.txt)")
  mkdir -p build
  ((!engine_private)) || build+=(--network=host)
  # The other format has no health check.
  ! is_podman || build+=(--format docker)
  : >"$log"
  say "Building the image (log: $log)"
  if ((compiled)); then
    "${build[@]}" --tag "$image" "${labels[@]}" "$context" 2>&1 | show_progress "$log"
  else
    # The first stage by a name of its own, so that tidying up keeps it for the next time.
    "${build[@]}" --file docker/Dockerfile --target build --tag "$image-build" . 2>&1 | show_progress "$log" &&
      "${build[@]}" --file docker/Dockerfile --tag "$image" "${labels[@]}" . 2>&1 | show_progress "$log"
  fi || {
    tail -n 40 "$log" >&2
    die "the image does not build; the end of $log is above"
  }
}

check_what_the_image_says() {
  expect "its user" 65532:65532 "$(inspect '{{.Config.User}}' "$image")"
  expect "its listen address" HOLDFAST_LISTEN=0.0.0.0:8080 \
    "$(inspect '{{range .Config.Env}}{{println .}}{{end}}' "$image" | grep '^HOLDFAST_LISTEN=' || true)"
  expect "where its data are" HOLDFAST_DATA=/data \
    "$(inspect '{{range .Config.Env}}{{println .}}{{end}}' "$image" | grep '^HOLDFAST_DATA=' || true)"
  expect "its volume" 'map[/backups:{} /data:{}]' "$(inspect '{{.Config.Volumes}}' "$image")"
  expect "its exposed port" 'map[8080/tcp:{}]' "$(inspect '{{.Config.ExposedPorts}}' "$image")"
  expect "its entry point" '[holdfast-server]' "$(inspect '{{.Config.Entrypoint}}' "$image")"
  local check='{{.Config.Healthcheck.Test}}'
  ! is_podman || check='{{.HealthCheck.Test}}'
  expect "its health check" '[CMD holdfast-server healthcheck --pid 1]' "$(inspect "$check" "$image")"
  expect "its stop signal" SIGTERM "$(inspect '{{.Config.StopSignal}}' "$image")"
  expect "its title" Holdfast "$(inspect '{{index .Config.Labels "org.opencontainers.image.title"}}' "$image")"
}

start_container() {
  local listen=()
  if ((engine_private)); then
    local port
    port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
    address=127.0.0.1:$port
    listen=(--env "HOLDFAST_LISTEN=$address")
  fi
  "${docker[@]}" run --detach --name "$container" --pull=never --read-only --cap-drop=ALL \
    --security-opt=no-new-privileges --memory=256m "${run_network[@]}" "${listen[@]}" "$image" >/dev/null
  wait_until_ready
}

wait_until_ready() {
  ((engine_private)) || address=$("${docker[@]}" port "$container" 8080/tcp | head -n 1)
  within 10 "an answer from http://$address/readyz" curl --silent --fail "http://$address/readyz"
}

check_requests() {
  local url=http://$address/v1/kv/greeting status
  status=$(curl --silent --show-error --output /dev/null --write-out '%{http_code}' --request PUT --data '"hello"' "$url")
  expect "the status of a PUT" 201 "$status"
  expect "what a GET reads" '"hello"' "$(curl --silent --show-error "$url")"
  status=$(curl --silent --show-error --output /dev/null --write-out '%{http_code}' --data '{"to":"tried"}' \
    "http://$address/v1/backups")
  expect "the status of a backup" 201 "$status"
  expect "the type of its page" 'text/html; charset=utf-8' \
    "$(curl --silent --show-error --output /dev/null --write-out '%{content_type}' "http://$address/")"
}

tag_of_greeting() {
  curl --silent --show-error --output /dev/null --dump-header - "http://$address/v1/kv/greeting" |
    sed -nE 's/^ETag: (.*)\r$/\1/p'
}

# After a stop, and after a kill.
check_restart() {
  local how tag
  for how in stop kill; do
    tag=$(tag_of_greeting)
    "${docker[@]}" "$how" "$container" >/dev/null
    "${docker[@]}" start "$container" >/dev/null
    wait_until_ready
    expect "what a GET reads after a $how" '"hello"' "$(curl --silent --show-error "http://$address/v1/kv/greeting")"
    expect "its tag" "$tag" "$(tag_of_greeting)"
  done
}

# Podman leaves its clock to systemd, which need not be there.
is_healthy() {
  ! is_podman || "${docker[@]}" healthcheck run "$container"
  [[ $(inspect '{{.State.Health.Status}}' "$container") == healthy ]]
}

# The client from the same image, in the server's network.
check_load() {
  local beside=container:$container target=http://127.0.0.1:8080
  ((!engine_private)) || beside=host target=http://$address
  "${docker[@]}" run --rm --pull=never --read-only --cap-drop=ALL --network="$beside" --env HOLDFAST_URL="$target" \
    --entrypoint holdfast "$image" load --connections 8 --duration 2s || die "holdfast load failed"
  passed "the load client ran against it"
}

check_stop() {
  local asked_ms finished_ms
  asked_ms=$(now_ms)
  "${docker[@]}" stop --time 10 "$container" >/dev/null
  # Podman adds the zone's name.
  local day time zone
  read -r day time zone _ <<<"$(inspect '{{.State.FinishedAt}}' "$container")"
  finished_ms=$(date --date "$day $time $zone" +%s%3N)
  expect "its exit code" 0 "$(inspect '{{.State.ExitCode}}' "$container")"
  ((finished_ms - asked_ms < 1000)) || die "it took $((finished_ms - asked_ms)) ms to stop and should take less than 1000"
  passed "stopped after $((finished_ms - asked_ms)) ms"
}

check_packages
((!compiled)) || write_compiled_context
use_engine
build_image
check_what_the_image_says
start_container
check_requests
within 30 "health" is_healthy
passed "healthy"
check_load
check_restart
check_stop
size=$(($(inspect '{{.Size}}' "$image") / 1000000))
((size <= 60)) || die "the image has $size MB and should have 60 at most"
passed "$size MB in all"
