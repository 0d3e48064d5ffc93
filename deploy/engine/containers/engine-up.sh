#!/usr/bin/env bash
# Starts a Docker engine of one's own, as root, on a machine that has none running: its data, socket and log lie in FOLDER.
# usage: deploy/engine/containers/engine-up.sh FOLDER
# Needs Debian's packages: apt-get install -y --no-install-recommends docker.io iptables
# The machine's firewall is left alone, so containers have no way out: images are built with the network of the machine.
set -euo pipefail
[ $# = 1 ] || { sed -n 3p "$0" >&2; exit 2; }
mkdir -p "$1"
folder=$(realpath "$1")
socket=unix://$folder/docker.sock
if ! DOCKER_HOST=$socket docker version >/dev/null 2>&1; then
  setsid dockerd --data-root "$folder/data" --exec-root "$folder/exec" --pidfile "$folder/dockerd.pid" -H "$socket" \
    --storage-driver overlay2 --iptables=false --ip6tables=false --ip-forward=false >"$folder/dockerd.log" 2>&1 </dev/null &
  for _ in $(seq 60); do
    DOCKER_HOST=$socket docker version >/dev/null 2>&1 && break
    sleep 0.5
  done
  DOCKER_HOST=$socket docker version >/dev/null || { tail "$folder/dockerd.log" >&2; exit 1; }
fi
echo "export DOCKER_HOST=$socket"
