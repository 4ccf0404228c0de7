# Sourced by the set-up's scripts: how they speak, fail and wait for one another.

say() { echo "set-up: $*"; }

# The words, and exit code 69: unavailable.
give_up() {
  echo "set-up: $*" >&2
  exit 69
}

# alone DIRECTORY COMMAND ...: one at a time for everybody who names this directory. The lock is on
# the directory itself, so that none is left behind; -o keeps it from whatever the command starts
# and leaves running.
alone() {
  flock -n -o -E 75 "$@" && return 0 || code=$?
  [ "$code" = 75 ] || return "$code"
  say 'another set-up is running, waiting for it'
  flock -o "$@"
}
