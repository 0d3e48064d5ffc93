#!/usr/bin/env bash
# Stops what up.sh has started, and waits for its end.
# usage: deploy/engine/kubernetes/down.sh FOLDER
set -euo pipefail
[ $# = 1 ] || { sed -n 3p "$0" >&2; exit 2; }
for name in apiserver etcd; do
  [ -f "$1/$name.pid" ] || continue
  pid=$(cat "$1/$name.pid")
  kill "$pid" 2>/dev/null && tail --pid="$pid" -f /dev/null
  rm -f "$1/$name.pid"
done
