# Debian's HAProxy: passes TLS through and holds no key.
FROM debian:bookworm-slim AS proxy
RUN apt-get update \
 && apt-get install -y --no-install-recommends haproxy \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /opt/touchstone
COPY deploy/images/proxy deploy/images/proxy
USER 10004:10004
