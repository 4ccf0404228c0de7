#!/bin/sh
# prepare.sh NAME: makes what docker-compose.yml needs and no image holds: secrets, TLS identities and
# the two configuration files, in deployment/. NAME is the host name by which agents reach this machine.
# What is there already stays, so it may be run again; a secret is made anew by deleting its file first.
set -eu
name=${1:-}
case $name in
  '' | *[!a-z0-9.-]* | [!a-z]*)
    echo "usage: prepare.sh NAME      (a host name in small letters, not an address)" >&2
    exit 64
    ;;
esac
root=$(cd "$(dirname "$0")/../.." && pwd)
out=${TOUCHSTONE_DEPLOYMENT:-$root/deployment}
secrets=$out/secrets
command -v openssl >/dev/null || {
  echo 'prepare.sh: openssl is missing. Install it as root: apt-get install openssl' >&2
  exit 69
}

umask 077
# The directory is closed to everybody else on this machine. The files in it are not, because each
# container runs as a user of its own that this machine need not know; a container sees those files
# alone that docker-compose.yml gives it.
mkdir -p "$secrets" "$out/config"
chmod 700 "$out" "$secrets"

# make FILE COMMAND ...: the command's output, whole or not at all, unless the file is there.
make() {
  file=$1
  shift
  [ ! -s "$file" ] || return 0
  "$@" >"$file.made"
  chmod 444 "$file.made"
  mv "$file.made" "$file"
}

password() { openssl rand -hex 32; }
public_key() { openssl pkey -in "$1" -pubout; }
signing_key() { openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256; }
tls_certificate() {
  openssl req -x509 -new -key "$secrets/$1-tls-key" -days 3652 -subj "/CN=touchstone-$1" \
    -addext basicConstraints=critical,CA:FALSE -addext keyUsage=critical,digitalSignature \
    -addext extendedKeyUsage=serverAuth
}
# SHA-256 of the SubjectPublicKeyInfo: what agents pin.
pin() {
  openssl x509 -in "$out/config/$1-tls-cert.pem" -pubkey -noout |
    openssl pkey -pubin -outform DER | openssl dgst -sha256 -r | cut -d' ' -f1
}

for role in admin ca-migrate ca server-migrate server server-read; do
  make "$secrets/postgres-$role" password
done
for room in ca server; do
  make "$secrets/$room-tls-key" signing_key
  make "$out/config/$room-tls-cert.pem" tls_certificate "$room"
done
make "$secrets/server-root-secret" openssl rand 32
make "$secrets/ca-key-passphrase" password
make "$secrets/server-result-key" signing_key
# Whose word the CA takes for how far the hosts are while its keys change.
make "$out/config/server-result-key.pub.pem" public_key "$secrets/server-result-key"
make "$secrets/server-permit-key" signing_key
make "$secrets/server-bundle-key" signing_key

make "$out/config/ca.json" cat <<EOF
{
  "listen": { "host": "0.0.0.0", "port": 8444 },
  "tls": { "keyFile": "/run/secrets/ca-tls-key", "certFile": "/etc/touchstone/ca-tls-cert.pem" },
  "publicUrl": "https://$name:8444",
  "database": {
    "host": "postgres", "port": 5432, "database": "touchstone_ca",
    "user": "ca", "passwordFile": "/run/secrets/postgres-ca"
  },
  "migrateDatabase": {
    "host": "postgres", "port": 5432, "database": "touchstone_ca",
    "user": "ca_migrate", "passwordFile": "/run/secrets/postgres-ca-migrate"
  },
  "stateDir": "/var/lib/touchstone/ca",
  "issuance": { "kind": "socket", "path": "/run/touchstone/ca-issuance/issuance.sock" },
  "custody": {
    "issuing": {
      "kind": "file",
      "passphrase": { "file": "/run/secrets/ca-key-passphrase", "container": true }
    }
  },
  "reporterKeyFile": "/etc/touchstone/server-result-key.pub.pem",
  "roots": [],
  "limits": {
    "perAddress": { "burst": 1000, "perSecond": 100 },
    "total": { "burst": 1000, "perSecond": 100 }
  }
}
EOF
make "$out/config/server.json" cat <<EOF
{
  "listen": { "host": "0.0.0.0", "port": 8443 },
  "tls": { "keyFile": "/run/secrets/server-tls-key", "certFile": "/etc/touchstone/server-tls-cert.pem" },
  "publicUrl": "https://$name:8443",
  "database": {
    "host": "postgres", "port": 5432, "database": "touchstone",
    "user": "server", "passwordFile": "/run/secrets/postgres-server"
  },
  "migrateDatabase": {
    "host": "postgres", "port": 5432, "database": "touchstone",
    "user": "server_migrate", "passwordFile": "/run/secrets/postgres-server-migrate"
  },
  "rootSecretFile": "/run/secrets/server-root-secret",
  "resultKeyFile": "/run/secrets/server-result-key",
  "permitKeyFile": "/run/secrets/server-permit-key",
  "bundleKeyFile": "/run/secrets/server-bundle-key",
  "ca": { "url": "https://$name:8444", "pin": "$(pin ca)" }
}
EOF
# Compose reads it beside docker-compose.yml: the name by which the server finds the CA, as agents do.
make "$out/compose.env" printf 'TOUCHSTONE_NAME=%s\n' "$name"

cat <<EOF
Ready in $out:

  server       https://$name:8443
  fingerprint  $(pin server)

Start:         docker compose --env-file deployment/compose.env up --build --detach --wait
First token:   docker compose --env-file deployment/compose.env run --rm --no-deps server \\
                 node server/main.ts first-token --config /etc/touchstone/server.json
The CA's own:  docker compose --env-file deployment/compose.env run --rm --no-deps ca \\
                 node ca/main.ts first-operator --config /etc/touchstone/ca.json
Log in:        touchstone login --server https://$name:8443 --fingerprint $(pin server) \\
                 --ca-fingerprint $(pin ca) --token-file FILE      # in it: TOKEN.TOKEN OF THE CA
EOF
