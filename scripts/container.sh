# shellcheck shell=bash
# A Debian of its own for tests: made by debootstrap once, and booted with its own systemd in
# namespaces that end with the script. What is changed in it is gone then. Sourced, after lib.sh.
#
# systemd there is the real one, with accounts, credentials, seccomp filters and a watchdog. It has no
# network but its own loopback: what is to be installed in it is downloaded before.

# Where the tree, and packages once downloaded, are kept for the next time.
readonly container_suite=${CODEMINT_CONTAINER_SUITE:-bookworm}
readonly container_cache=${CODEMINT_CONTAINER_CACHE:-/var/tmp/codemint-debian-$container_suite}
readonly container_mirror=${CODEMINT_DEBIAN_MIRROR:-http://deb.debian.org/debian}

# A server as one finds it: with man, completions and what lets others look up dynamic users.
readonly container_packages=systemd-sysv,dbus,libnss-systemd,libpam-systemd,procps,iproute2,man-db,\
bash-completion,zsh-common,fish,curl

# Makes the tree if there is none yet.
make_container_base() {
  require_programs debootstrap:debootstrap ip:iproute2 nsenter:util-linux
  [ ! -e "$container_cache/whole" ] || return 0
  say "Making a Debian ($container_suite) in $container_cache; this takes some minutes, once."
  rm -rf "$container_cache"
  mkdir -p "$container_cache/archives/partial"
  debootstrap --variant=minbase --include="$container_packages" "$container_suite" "$container_cache/base" \
    "$container_mirror" >"$container_cache/log" 2>&1 ||
    fail "debootstrap failed; see $container_cache/log."
  # apt asks nothing, and keeps what it downloads.
  printf '%s\n' 'APT::Get::Assume-Yes "true";' 'APT::Keep-Downloaded-Packages "true";' \
    'Dpkg::Use-Pty "false";' >"$container_cache/base/etc/apt/apt.conf.d/codemint-test"
  echo LANG=C.UTF-8 >"$container_cache/base/etc/default/locale"
  # Modules are the machine's own; since Debian 13 this service fails where none can be loaded.
  ln -sf /dev/null "$container_cache/base/etc/systemd/system/systemd-modules-load.service"
  echo codemint-test >"$container_cache/base/etc/hostname"
  : >"$container_cache/whole"
}

# Lays a fresh place over the tree, in a mount namespace that this script has to itself.
enter_namespace() {
  [ "$(id -u)" -eq 0 ] || fail "Only root can make a container. Run: sudo $0"
  [ -z "${CODEMINT_CONTAINER_PLACE:-}" ] || return 0
  make_container_base
  CODEMINT_CONTAINER_PLACE=$(mktemp -d /var/tmp/codemint-container-XXXXXX)
  export CODEMINT_CONTAINER_PLACE
  local status=0
  run unshare --mount --propagation private "$0" "$@" || status=$?
  rm -rf "$CODEMINT_CONTAINER_PLACE"
  exit "$status"
}

open_container() {
  container=$CODEMINT_CONTAINER_PLACE/root
  mkdir -p "$CODEMINT_CONTAINER_PLACE"/{root,upper,work}
  mount -t overlay overlay -o "lowerdir=$container_cache/base,upperdir=$CODEMINT_CONTAINER_PLACE/upper,\
workdir=$CODEMINT_CONTAINER_PLACE/work" "$container"
  mount --bind "$container_cache/archives" "$container/var/cache/apt/archives"
}

# Runs a command in the tree before it is booted, with this machine's network.
in_tree() {
  mount -t proc proc "$container/proc"
  cp /etc/resolv.conf "$container/etc/resolv.conf"
  local status=0
  chroot "$container" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 \
    DEBIAN_FRONTEND=noninteractive "$@" || status=$?
  umount "$container/proc"
  return "$status"
}

# The part of the booting that happens in the namespaces: what container managers mount, and systemd.
boot_script() {
  cat <<'BOOT'
set -e
cd "$1"
mount -t proc -o nosuid,noexec,nodev proc proc
mount -t sysfs -o ro,nosuid,noexec,nodev sysfs sys
mount -t cgroup2 -o nosuid,noexec,nodev cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=755,nosuid dev dev
for node in null zero full random urandom tty; do
  touch "dev/$node"
  mount --bind "/dev/$node" "dev/$node"
done
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts dev/pts
mount -t tmpfs -o mode=1777,nosuid,nodev shm dev/shm
mount -t tmpfs -o mode=755,nosuid,nodev run run
mount -t tmpfs -o mode=1777,nosuid,nodev tmp tmp
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
ln -s /proc/self/fd/0 dev/stdin
ln -s /proc/self/fd/1 dev/stdout
ln -s /proc/self/fd/2 dev/stderr
hostname codemint-test
ip link set lo up
mkdir -p .outside
pivot_root . .outside
# Shared, as the machine's own systemd finds it: credentials are mounted elsewhere and propagate.
exec chroot . /bin/sh -c 'umount -l /.outside && rmdir /.outside && mount --make-rshared / && exec env -i container=codemint \
  PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd --system --log-target=journal'
BOOT
}

# Boots the container and waits until it runs.
boot_container() {
  local hierarchy=/sys/fs/cgroup
  [ ! -d /sys/fs/cgroup/unified ] || hierarchy=/sys/fs/cgroup/unified
  container_group=$hierarchy/$(basename "$CODEMINT_CONTAINER_PLACE")
  mkdir "$container_group"
  trap stop_container EXIT
  (
    echo "$BASHPID" >"$container_group/cgroup.procs"
    exec unshare --pid --fork --kill-child --mount --propagation private --uts --ipc --net --cgroup \
      bash -c "$(boot_script)" bash "$container"
  ) </dev/null >"$CODEMINT_CONTAINER_PLACE/console" 2>&1 &
  container_parent=$!
  local tenths
  for ((tenths = 0; tenths < 600; tenths++)); do
    kill -0 "$container_parent" 2>/dev/null || break
    container_init=$(pgrep -P "$container_parent" || true)
    if [ -n "$container_init" ] && inside systemctl --quiet is-system-running --wait 2>/dev/null; then
      return 0
    fi
    sleep 0.1
  done
  cat "$CODEMINT_CONTAINER_PLACE/console" >&2
  inside systemctl --failed >&2 || true
  fail "The container did not boot."
}

# Runs a command in the booted container, as root.
inside() {
  nsenter --target "$container_init" --all -- /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin \
    HOME=/root LANG=C.UTF-8 DEBIAN_FRONTEND=noninteractive bash -c 'cd /root && exec "$@"' bash "$@"
}

stop_container() {
  kill -KILL "$container_parent" 2>/dev/null || true
  wait "$container_parent" 2>/dev/null || true
  # The groups are empty as soon as the last process is gone.
  local tenths
  for ((tenths = 0; tenths < 50; tenths++)); do
    find "$container_group" -depth -type d -exec rmdir {} + 2>/dev/null || true
    [ -d "$container_group" ] || break
    sleep 0.1
  done
}
