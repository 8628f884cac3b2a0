# shellcheck shell=bash
# What the scripts beside this file share: finding the repository, checking for Swift, installing
# what is missing, and running a command so that nothing of it stays behind. Sourced, not run.

set -euo pipefail

# The repository, wherever the script was called from.
repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
readonly repository

readonly swift_major=6 swift_minor=2

say() {
  printf '%s\n' "$*" >&2
}

fail() {
  say "$@"
  exit 69 # EX_UNAVAILABLE of sysexits(3)
}

# The version of codemint, which stands in one place. What else names it is checked against that.
codemint_version() {
  sed -n 's/.*current = "\(.*\)"/\1/p' "$repository/Sources/codemint/Version.swift"
}

# Swift's version as "6.3", or nothing if there is no Swift. (OpenStack's client is called swift
# too, and what it says of itself does not match.)
swift_version() {
  { swift --version 2>/dev/null || true; } |
    sed -n 's/.*Swift version \([0-9][0-9]*\.[0-9][0-9]*\).*/\1/p' | head -n 1
}

require_swift() {
  local version major minor
  version=$(swift_version)
  if [ -z "$version" ]; then
    # swiftly extends PATH in the shell's start files, which a fresh login has not read yet.
    local swiftly="${SWIFTLY_HOME_DIR:-$HOME/.local/share/swiftly}/env.sh"
    if [ -r "$swiftly" ]; then
      # shellcheck source=/dev/null
      . "$swiftly"
      hash -r
      version=$(swift_version)
    fi
  fi
  local get="To build it, get Swift from https://www.swift.org/install/linux/ (swiftly, the installer there, brings
the newest with \"swiftly install latest\") or, where Debian or Ubuntu has Swift $swift_major.$swift_minor or newer, as Debian sid
does, with \"apt-get install swiftlang\". Open a new shell, and run this again.
Without Swift, use what a release has: the package, or the image for containers (docs/operations.md,
\"Install\" and \"From the image\"). Then \"codemint demo\" shows the same as scripts/demo."
  if [ -z "$version" ]; then
    fail "Building codemint needs Swift $swift_major.$swift_minor or newer, and there is no Swift here.
$get"
  fi
  major=${version%%.*}
  minor=${version#*.}
  if ((major < swift_major || (major == swift_major && minor < swift_minor))); then
    fail "Building codemint needs Swift $swift_major.$swift_minor or newer; this is Swift $version.
$get"
  fi
}

has_header() {
  local directory
  for directory in /usr/include /usr/include/postgresql /usr/local/include; do
    [ ! -e "$directory/$1" ] || return 0
  done
  return 1
}

# The programs of a Postgres server, looked for where codemint looks for them.
has_postgres_server() {
  local directory
  for directory in ${PATH//:/ } "$(pg_config --bindir 2>/dev/null || true)" \
    /usr/lib/postgresql/*/bin; do
    [ ! -x "$directory/initdb" ] || [ ! -x "$directory/postgres" ] || return 0
  done
  return 1
}

# Notes a package that is missing, and why it is needed.
missing=()
need() {
  missing+=("$1")
  reasons+="
  $1: $2"
}

has_pooler() {
  command -v pgbouncer >/dev/null || [ -x /usr/sbin/pgbouncer ]
}

# Installs what is missing, for the tests too if "tests" is given. Does nothing at all, not even look
# for updates, if nothing is.
require_packages() {
  local reasons=""
  missing=()
  has_header libpq-fe.h || need libpq-dev "Postgres' client library, which codemint links"
  has_header zlib.h || need zlib1g-dev "compression, which the HTTP client links"
  command -v pkg-config >/dev/null || need pkg-config "tells the Swift compiler where libpq is"
  has_postgres_server || need postgresql "the server's programs, for a private server of its own"
  command -v openssl >/dev/null || need openssl "makes certificates for the tests"
  [ "${1:-}" != tests ] || has_pooler ||
    need pgbouncer "a pooler before the server, for the tests"
  [ ${#missing[@]} -gt 0 ] || return 0

  if ! command -v apt-get >/dev/null; then
    fail "codemint needs these packages, here by their names on Debian and Ubuntu:$reasons

This system has no apt-get. Please install what goes by such names here, then run this again.
On Fedora: libpq-devel zlib-devel pkgconf-pkg-config postgresql-server openssl pgbouncer
On Arch:   postgresql-libs zlib pkgconf postgresql openssl pgbouncer"
  fi
  say "These packages of the distribution are missing and will be installed:$reasons
No database cluster is created and no service is started."
  install_missing
}

# Installs the packages that are noted as missing.
install_missing() {
  local install=("$repository/scripts/install-packages" "${missing[@]}")
  if [ "$(id -u)" -eq 0 ]; then
    "${install[@]}"
  elif command -v sudo >/dev/null; then
    say "This needs root: sudo ${install[*]}"
    sudo "${install[@]}"
  else
    fail "This needs root, and there is no sudo. As root, run: ${install[*]}"
  fi
}

# Installs what the script that calls needs beyond that, given as PROGRAM:PACKAGE, or as a path that
# has to exist and its package.
require_programs() {
  local wanted
  missing=()
  for wanted in "$@"; do
    command -v "${wanted%%:*}" >/dev/null || [ -e "${wanted%%:*}" ] || missing+=("${wanted#*:}")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  command -v apt-get >/dev/null ||
    fail "This needs, by their names on Debian and Ubuntu: ${missing[*]}. Please install them."
  say "These packages of the distribution are missing and will be installed: ${missing[*]}"
  install_missing
}

# Checks for all that building and running codemint need, and its tests if "tests" is given, and goes
# to the repository.
prepare() {
  [ "$(uname -s)" = Linux ] || fail "codemint runs on Linux; this is $(uname -s)."
  require_swift
  require_packages "$@"
  cd "$repository"
}

# Runs a command in a process group of its own and waits for it. If this script is interrupted, the
# whole group is stopped first, with whatever the command has started.
run() {
  local status=0
  set -m
  "$@" </dev/null &
  group=$!
  set +m
  trap 'stop_group 130' INT
  trap 'stop_group 143' TERM
  trap 'stop_group 129' HUP
  wait "$group" || status=$?
  trap - INT TERM HUP
  return "$status"
}

stop_group() {
  trap '' INT TERM HUP
  # Not SIGINT: what a shell starts in the background ignores it.
  kill -TERM -- "-$group" 2>/dev/null || true
  # Ten seconds to stop by itself.
  local tenths
  for ((tenths = 0; tenths < 100; tenths++)); do
    kill -0 -- "-$group" 2>/dev/null || break
    sleep 0.1
  done
  kill -KILL -- "-$group" 2>/dev/null || true
  exit "$1"
}
