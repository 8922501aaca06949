# Shared by ./x and the scripts beside this file: messages, packages, builds. Expects $root; sourced, never run.
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # the package sets are read by name; $root comes from the script that sources this

say() { printf '%s\n' "$*" >&2; }
die() {
  printf 'x: %s\n' "$*" >&2
  exit 1
}

# What each kind of command needs beyond bash and git. `build` holds what CMake looks for in any configuration, the
# tests' libraries too: so run, build and test share one configured tree.
packages_build=(g++ cmake ninja-build ccache libboost1.81-dev libabsl-dev nlohmann-json3-dev libspdlog-dev libcli11-dev
  zlib1g-dev libtomlplusplus-dev librocksdb-dev libssl-dev libgtest-dev libgmock-dev relacy-dev ca-certificates curl python3)
packages_bench_sync=(cargo rustc librust-tokio-dev librust-parking-lot-dev python3-matplotlib)
# Besides, where there is no node and npm yet: some have them from elsewhere, and Debian's exclude those.
packages_web=(nodejs npm)
packages_browser=(chromium fonts-dejavu-core)
packages_metrics=(prometheus) # promtool too
packages_cluster=(etcd-server python3-yaml)
packages_tsan=(clang-19 libclang-rt-19-dev)
packages_check_format=(clang-format-19)
packages_check_includes=(python3)
packages_check_shell=(shellcheck)
packages_check_lint=(clang-tidy-19)
# ./x bench http: the plot, and one set for each peer that it measures beside us.
packages_bench=(python3-matplotlib util-linux)
packages_bench_hyper=(cargo rustc librust-hyper-dev librust-tokio-dev librust-serde-dev librust-serde-json-dev)
packages_bench_go=(golang-go)
packages_bench_redis=(redis-tools)
packages_bench_profile=(valgrind)
packages_bench_client=(wrk)
packages_docker=(docker.io)
packages_package=(dpkg-dev file)
packages_manuals=(groff-base zsh fish)
packages_base_image=(debootstrap)

# install_packages SET: installs what is missing of that set. Asks dpkg first, so that nothing missing
# costs milliseconds. Elsewhere than on Debian it leaves the matter to the user.
install_packages() {
  [[ -z ${HOLDFAST_NO_INSTALL:-} ]] && command -v dpkg-query >/dev/null || return 0
  local -n wanted=packages_$1
  local installed missing=() package
  # shellcheck disable=SC2016 # dpkg's variables, not ours
  installed=$(dpkg-query -W -f='${Package}=${db:Status-Status}\n' "${wanted[@]}" 2>/dev/null || true)
  for package in "${wanted[@]}"; do
    [[ $'\n'$installed$'\n' == *$'\n'"$package=installed"$'\n'* ]] || missing+=("$package")
  done
  if [[ $1 == build ]] && ! { command -v node && command -v npm; } >/dev/null; then missing+=("${packages_web[@]}"); fi
  ((${#missing[@]} == 0)) || apt_install "${missing[@]}"
}

apt_install() {
  local as_root=()
  if ((EUID != 0)); then
    if ! command -v sudo >/dev/null || { [[ ! -t 0 ]] && ! sudo -n true 2>/dev/null; }; then
      die "these packages are missing and only root may install them; as root, run
  apt-get update && apt-get install --no-install-recommends $*"
    fi
    as_root=(sudo)
  fi
  say "Installing Debian packages${as_root[*]:+ through sudo}: $*"
  local apt=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=300)
  local install=(install --yes --no-install-recommends)
  # On somebody's own machine nothing may vanish for our sake: libboost1.81-dev would push out libboost-dev (1.74).
  [[ -n ${CI:-} ]] || install+=(--no-remove)
  # A terminal sees dpkg at work; a log gets the errors alone.
  local progress=/dev/null
  [[ ! -t 2 ]] || progress=/dev/stderr
  # The lists are fetched when they lack a package, and again when the archive has moved on since.
  if ! apt-cache show --quiet "$@" >/dev/null 2>&1 || ! "${apt[@]}" "${install[@]}" "$@" </dev/null >"$progress"; then
    say "Fetching the package lists"
    "${apt[@]}" update </dev/null >"$progress" || say "apt-get update failed; trying with the lists there are"
    "${apt[@]}" "${install[@]}" "$@" </dev/null >"$progress" || die "apt-get could not install: $*
  - No network, or an outdated mirror? Look at the lines above, fix /etc/apt/sources.list, run this again.
  - Not Debian 12 (bookworm)? Install the counterparts of these packages, then run with HOLDFAST_NO_INSTALL=1.
  - Packages would be removed? libboost1.81-dev excludes libboost-dev (1.74): 'apt-get remove libboost1.74-dev' if
    nothing of yours needs it; or install Boost 1.81 or later elsewhere, set Boost_ROOT and HOLDFAST_NO_INSTALL=1."
  fi
}

# How many files to compile at once: a file that includes Beast takes more than 1 GB.
jobs() {
  local cores memory_gib
  cores=$(nproc)
  memory_gib=$(awk '/MemAvailable/ {printf "%d", $2 / 1048576}' /proc/meminfo)
  local fitting=$((memory_gib * 2 / 3))
  ((fitting >= 1)) || fitting=1
  echo "${HOLDFAST_JOBS:-$((fitting < cores ? fitting : cores))}"
}

# configure PRESET: only when there is no build tree yet, or the presets or what is installed changed; Ninja sees the
# CMake files itself.
configure() {
  local tree=$root/build/$1
  if [[ ! -f $tree/build.ninja || $root/CMakePresets.json -nt $tree/configured.stamp ||
    ${BASH_SOURCE[0]} -nt $tree/configured.stamp ]]; then
    mkdir -p "$tree"
    say "Configuring build/$1 (a first build takes some minutes)"
    if ! cmake --preset "$1" --log-level=WARNING >"$tree/configure.log" 2>&1; then
      cat "$tree/configure.log" >&2
      return 1
    fi
    touch "$tree/configured.stamp"
  fi
}

# build PRESET [TARGETS…]: brings the targets (default: all) up to date. A terminal sees Ninja's progress, a log only
# what goes wrong.
build() {
  local quiet=() target targets=()
  [[ -t 2 ]] || quiet=(--quiet)
  for target in "${@:2}"; do targets+=(--target "$target"); done
  configure "$1" || return 1
  cmake --build "build/$1" --parallel "$(jobs)" "${targets[@]}" -- "${quiet[@]}" >&2
}
