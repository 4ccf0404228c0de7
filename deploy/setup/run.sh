#!/bin/sh
# run.sh demo|test|check|fuzz|soak|bench [ARGUMENT ...]: what `npm run demo`, `npm test` and so on start.
#
# Sets up whatever is missing, then hands over to the pinned Node. Before that nothing may be
# assumed but sh, npm and a Debian base system: npm may be Debian 12's own (npm 9 on Node 18), and
# node_modules may not be there.
set -eu

what=${1:?demo, test, check, fuzz, soak or bench}
shift
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
cd "$root"

case $what in
  demo) packages=run ;;
  test) packages='run test' ;;
  check | fuzz) packages= ;;
  bench | soak) packages=run ;;
  *)
    echo "run.sh: demo, test, check, fuzz, soak or bench, not $what" >&2
    exit 64
    ;;
esac

# shellcheck disable=SC2086 # each word is a set of packages
[ -z "$packages" ] || sh "$here/debian.sh" $packages
sh "$here/npm.sh"
case $what in check | fuzz) ;; *) sh "$here/page.sh" ;; esac

PATH=$root/node_modules/.bin:$PATH
export PATH
case $what in
  demo) exec touchstone demo "$@" ;;
  test) exec node test/support/run-tests.ts "$@" ;;
  check) exec node test/support/run-checks.ts "$@" ;;
  bench) exec node --disable-warning=ExperimentalWarning bench/main.ts "$@" ;;
  fuzz) exec node test/fuzz/main.ts "$@" ;;
  soak) exec node test/soak/main.ts "$@" ;;
esac
