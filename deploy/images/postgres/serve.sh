#!/bin/sh
# serve.sh: PostgreSQL for the CA and the server; makes the cluster the first time.
set -eu
home=${TOUCHSTONE_POSTGRES_HOME:-/var/lib/touchstone/postgres}
socket=${TOUCHSTONE_POSTGRES_SOCKET:-/run/postgresql}
secrets=${TOUCHSTONE_SECRETS:-/run/secrets}
port=${PGPORT:-5432}
programs=/usr/lib/postgresql/15/bin
here=$(cd "$(dirname "$0")" && pwd)

if [ ! -d "$home/data" ]; then
  # Made beside its place and then moved there: a cluster that is there is a whole one.
  rm -rf "$home/data.made"
  "$programs/initdb" --pgdata "$home/data.made" --username touchstone_admin \
    --pwfile "$secrets/postgres-admin" --auth scram-sha-256 --encoding UTF8 --locale C.UTF-8 \
    --data-checksums >/dev/null
  mv "$home/data.made" "$home/data"
fi

# The process takes the shell's place: signals reach it, and SIGINT ends it in good order.
exec "$programs/postgres" -D "$home/data" -k "$socket" -p "$port" \
  -c listen_addresses='*' -c hba_file="$here/pg_hba.conf" -c unix_socket_permissions=0700 \
  -c password_encryption=scram-sha-256
