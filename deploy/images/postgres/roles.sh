#!/bin/sh
# roles.sh: the roles and the two databases, as roles.sql says. May be run again at any time: a password
# that changed in its file then counts.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
TOUCHSTONE_SECRETS=${TOUCHSTONE_SECRETS:-/run/secrets}
PGPASSWORD=$(cat "$TOUCHSTONE_SECRETS/postgres-admin")
export TOUCHSTONE_SECRETS PGPASSWORD
exec /usr/lib/postgresql/15/bin/psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 \
  --host "${PGHOST:-postgres}" --username touchstone_admin --dbname postgres --file "$here/roles.sql"
