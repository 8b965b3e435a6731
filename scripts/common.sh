# Shared by the programs of this folder; sourced with the project's folder as the current one.
# shellcheck shell=bash

say() { printf '\n== %s\n' "$*" >&2; }

# packages_of GROUP…: the packages of these groups, one per line.
packages_of() {
  local group
  for group in "$@"; do
    awk -v group="$group" '$1 == group { print $2 }' scripts/packages.txt
  done
}

# missing_packages PACKAGE…: those that are not installed.
missing_packages() {
  local package
  for package in "$@"; do
    [ "$(dpkg-query --show --showformat='${db:Status-Status}' "$package" 2>/dev/null)" = installed ] ||
      printf '%s\n' "$package"
  done
}

# install_packages GROUP…: installs what is missing and asks nothing. Does not touch apt where nothing is.
install_packages() {
  local wanted missing as_root=()
  mapfile -t wanted < <(packages_of "$@")
  if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
    say "This is no Debian; going on with what is installed. Needed: ${wanted[*]}"
    return
  fi
  mapfile -t missing < <(missing_packages "${wanted[@]}")
  [ "${#missing[@]}" -gt 0 ] || return 0
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || {
      say "Missing packages, and neither root nor sudo: apt-get install ${missing[*]}"
      return 1
    }
    as_root=(sudo)
  fi
  say "Installing ${missing[*]}"
  # A stale list makes the download fail, a broken third-party source need not.
  "${as_root[@]}" apt-get update -q || say "apt-get update failed; trying with the lists there are"
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive NEEDRESTART_MODE=a \
    apt-get install -q --yes --no-install-recommends -o DPkg::Lock::Timeout=300 "${missing[@]}"
}

# parallel_jobs: one per core, but no more than memory has room for at 1.5 GB each.
parallel_jobs() {
  local cores room
  cores=$(nproc)
  room=$(awk '/^MemAvailable:/ { print int($2 / 1572864) }' /proc/meminfo)
  [ "${room:-1}" -ge 1 ] || room=1
  echo $((cores < room ? cores : room))
}

# build_preset PRESET [TARGET…]
build_preset() {
  local preset=$1
  shift
  say "Building the preset $preset"
  cmake --preset "$preset" >/dev/null
  cmake --build --preset "$preset" --parallel "$(parallel_jobs)" ${1:+--target "$@"}
}
