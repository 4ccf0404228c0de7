#!/bin/sh
# debian.sh SET ...: installs the packages of these sets (deploy/setup/debian-packages) that are missing.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/say.sh"

wanted=
for set; do
  wanted="$wanted $(sed -n "s/^$set  *\([^ ]*\) .*/\1/p" "$here/debian-packages" | tr '\n' ' ')"
done

missing_packages() {
  # shellcheck disable=SC2086 # a list of words
  installed=" $(dpkg-query -W -f='${Package}=${db:Status-Status} ' $wanted 2>/dev/null || true)"
  for package in $wanted; do
    case $installed in
      *" $package=installed "*) ;;
      *) printf '%s ' "$package" ;;
    esac
  done
}

command -v dpkg-query >/dev/null ||
  give_up "made for Debian 12, and this is none. What Debian calls$wanted must be installed"

missing=$(missing_packages)
[ -n "$missing" ] || exit 0
[ "$(id -u)" = 0 ] || give_up "packages are missing. Install them as root:
  apt-get update && apt-get install --no-install-recommends $missing"

if [ "${TOUCHSTONE_SET_UP_LOCKED:-}" != debian ]; then
  # The whole machine's lock, not the checkout's: apt refuses a second one outright.
  TOUCHSTONE_SET_UP_LOCKED=debian
  export TOUCHSTONE_SET_UP_LOCKED
  alone /var/lib/dpkg sh "$0" "$@"
  exit 0
fi

apt_get() {
  DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1 \
    apt-get -q -y -o DPkg::Lock::Timeout=600 -o Dpkg::Use-Pty=0 "$@" </dev/null
}

# What apt-get says goes to the log; a line now and then tells that it is alive.
show_progress() {
  count=0
  while IFS= read -r line; do
    printf '%s\n' "$line" >>"$log"
    case $line in
      'Need to get '*) say "  ${line%.}" ;;
      'Setting up '*)
        count=$((count + 1))
        [ $((count % 20)) -ne 0 ] || say "  $count packages are set up"
        ;;
    esac
  done
}

# shellcheck disable=SC2086 # a list of words
install_missing() {
  { apt_get install --no-install-recommends $missing 2>&1 || echo failed >"$failed"; } | show_progress
  [ ! -e "$failed" ] || { rm -f "$failed"; return 1; }
}

update_lists() {
  say '  reading the package lists (apt-get update)'
  apt_get update >>"$log" 2>&1 || true # an old list may do; the installation tells
}

# shellcheck disable=SC2086 # a list of words
lists_know_them() { apt-cache show --no-all-versions $missing >/dev/null 2>&1; }

# Debian's postgresql-15, when it is new on a machine, makes a cluster "main" and starts it: a
# server and a port that nobody asked for, since Touchstone makes a private cluster of its own.
# A drop-in forbids that while the package is installed, and is taken away again; where an
# administrator has decided about create_main_cluster, the decision stands.
withhold_main_cluster() {
  case " $missing" in *' postgresql-15 '*) ;; *) return 0 ;; esac
  ! grep -rqs '^ *create_main_cluster' /etc/postgresql-common || return 0
  dropin=/etc/postgresql-common/createcluster.d/touchstone-set-up.conf
  mkdir -p "${dropin%/*}"
  echo 'create_main_cluster = false' >"$dropin"
}

# postgresql-common writes into apt's configuration which clusters there are, and cannot be configured
# where that is mounted read-only, as in a container that borrows its host's. While it is installed
# there, dpkg puts the writing script elsewhere and one that does nothing stands in for it.
excuse_apt_configuration() {
  case " $missing" in *' postgresql-15 '*) ;; *) return 0 ;; esac
  [ ! -w /etc/apt/apt.conf.d ] && [ ! -e "$apt_writer" ] || return 0
  excused=yes
  mkdir -p "${apt_writer%/*}"
  dpkg-divert --quiet --local --no-rename --divert "$apt_writer.touchstone" --add "$apt_writer"
  printf '#!/bin/sh\n' >"$apt_writer"
  chmod 755 "$apt_writer"
}

clean_up() {
  rm -f "$failed" ${dropin:+"$dropin"}
  [ -n "$excused" ] || return 0
  rm -f "$apt_writer"
  dpkg-divert --quiet --local --rename --remove "$apt_writer"
}

log=$(mktemp)
failed=$log.failed
dropin=
excused=
apt_writer=/usr/share/postgresql-common/pg_updateaptconfig
trap clean_up EXIT
trap 'exit 130' INT TERM HUP

say "Debian packages: $missing"
lists_know_them || update_lists
lists_know_them || give_up "apt knows not all of these; the sources of Debian 12 (bookworm, main) have them"
withhold_main_cluster
excuse_apt_configuration
# A list that is there may still name versions that the mirror has dropped: then once more with new lists.
install_missing || { update_lists && install_missing; } || {
  tail -15 "$log" >&2
  give_up "apt-get could not install them; all it said is in $log"
}
missing=$(missing_packages)
[ -z "$missing" ] || give_up "apt-get ended well, yet these are not installed: $missing"
rm -f "$log"
say 'Debian packages are there'
