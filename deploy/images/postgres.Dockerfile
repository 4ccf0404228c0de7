# Debian's PostgreSQL, which the set-up installs too and every test runs on.
FROM debian:bookworm-slim AS postgres
# No cluster of Debian's own is made: serve.sh makes the one there is.
RUN mkdir -p /etc/postgresql-common/createcluster.d \
 && echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.d/touchstone.conf \
 && apt-get update \
 && apt-get install -y --no-install-recommends postgresql-15 \
 && rm -rf /var/lib/apt/lists/* \
 && usermod -u 10003 postgres && groupmod -g 10003 postgres \
 && install -d -m 0700 -o 10003 -g 10003 /var/lib/touchstone/postgres
WORKDIR /opt/touchstone
COPY deploy/images/postgres deploy/images/postgres
USER 10003:10003
