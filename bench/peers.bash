# Shared by the benchmarks' scripts. Expects $root, $built and .ci/common.bash; sourced, never run.
# shellcheck shell=bash
# shellcheck disable=SC2154 # $root and $built come from the script that sources this

# build_crate NAME SOURCE PROGRAM: a peer in Rust, from the crates that Debian packages, without a network. The program
# is then in $built/NAME/release.
build_crate() {
  local name=$1 source=$2 program=$3
  [[ $source/src/main.rs -nt $built/$name/release/$program ]] || return 0
  say "Building the $name peer"
  mkdir -p "$built"
  rm -rf "$built/${name}_source"
  cp -r "$source" "$built/${name}_source"
  /usr/bin/cargo build --release --offline --quiet --manifest-path "$built/${name}_source/Cargo.toml" \
    --target-dir "$built/$name" --config 'source.crates-io.replace-with="debian"' \
    --config 'source.debian.directory="/usr/share/cargo/registry"'
}

# nginx from Debian's package: unpacked into $built, not installed, so that no service starts.
bring_nginx() {
  [[ ! -x $built/nginx/usr/sbin/nginx ]] || return 0
  mkdir -p "$built/nginx"
  (cd "$built" && apt-get -qq download nginx && dpkg-deb -x nginx_*.deb nginx)
}
