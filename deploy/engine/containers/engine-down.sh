#!/usr/bin/env bash
# Stops the Docker engine that engine-up.sh has started; its images stay.
# usage: deploy/engine/containers/engine-down.sh FOLDER
set -euo pipefail
[ $# = 1 ] || { sed -n 3p "$0" >&2; exit 2; }
pid=$(cat "$1/dockerd.pid")
kill "$pid"
tail --pid="$pid" -f /dev/null
