#!/bin/bash
# health.sh: exit code 0 if the proxy answers its monitor. bash, because its /dev/tcp needs no client.
set -eu
exec 3<>"/dev/tcp/127.0.0.1/${TOUCHSTONE_PROXY_HEALTH_PORT-8405}"
printf 'GET / HTTP/1.0\r\n\r\n' >&3
read -r status <&3
[[ $status == 'HTTP/1.'?' 200 '* ]]
