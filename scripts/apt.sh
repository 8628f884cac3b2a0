# shellcheck shell=bash
# Debian's packages, whatever this machine's own are: downloaded and unpacked, never installed. Sourced,
# after lib.sh. apt checks them against Debian's keys.

# shellcheck disable=SC2034
readonly debian_mirror=${CODEMINT_DEBIAN_MIRROR:-http://deb.debian.org/debian}

# Runs a command of apt with a state of its own, as if no package were installed:
# apt_in DIRECTORY PROGRAM ARGUMENT... The array sources has a text for each source: MIRROR SUITE. Without
# a preferred suite, the newest version counts.
apt_in() {
  local state=$1 program=$2 source
  shift 2
  mkdir -p "$state"/{lists,archives}/partial
  : >"$state/status"
  # shellcheck disable=SC2154
  for source in "${sources[@]}"; do
    printf 'deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] %s main\n' "$source"
  done >"$state/sources.list"
  "$program" -qq -o Dir::State="$state" -o Dir::State::status="$state/status" \
    -o Dir::Cache="$state" -o Dir::Etc::SourceList="$state/sources.list" \
    -o Dir::Etc::SourceParts=/dev/null -o Dir::Etc::Preferences=/dev/null \
    -o Dir::Etc::PreferencesParts=/dev/null -o APT::Sandbox::User=root \
    -o APT::Install-Recommends=no -o APT::Default-Release="${preferred:-}" "$@"
}

# Prints the names of the packages that apt would install for these: closure_in DIRECTORY PACKAGE...
closure_in() {
  local state=$1
  shift
  apt_in "$state" apt-get --simulate install "$@" | sed -n 's/^Inst \([^ ]*\) .*/\1/p'
}
