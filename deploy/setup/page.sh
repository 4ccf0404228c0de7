#!/bin/sh
# page.sh: builds web/ into web/dist, which the server serves, unless it was built from these very sources.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/say.sh"
cd "$here/../.."

# Written last, and gone with what it vouches for.
stamp=web/dist/.built-from
sources() {
  find web -type f ! -path 'web/dist/*' ! -path 'web/test/*' ! -path 'web/node_modules/*' |
    LC_ALL=C sort | xargs sha256sum deploy/setup/build-page.ts package-lock.json | sha256sum
}

now=$(sources)
[ "$(cat "$stamp" 2>/dev/null)" != "$now" ] || exit 0
if [ "${TOUCHSTONE_SET_UP_LOCKED:-}" != page ]; then
  TOUCHSTONE_SET_UP_LOCKED=page
  export TOUCHSTONE_SET_UP_LOCKED
  alone web sh "$0"
  exit 0
fi

node_modules/.bin/node deploy/setup/build-page.ts ||
  give_up 'the page could not be built, see above'
echo "$now" >"$stamp"
say 'the fleet page is built'
