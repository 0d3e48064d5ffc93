#!/usr/bin/env bash
# Builds docker-compose from its Go module, for an engine without it. Needs Go 1.24 or later; some five minutes of two processors.
# usage: deploy/engine/containers/compose.sh FOLDER [VERSION]
set -euo pipefail
[ $# -ge 1 ] || { sed -n 3p "$0" >&2; exit 2; }
mkdir -p "$1"
out=$(realpath "$1")
version=${2:-v2.40.3}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
export GOFLAGS=-buildvcs=false
module=github.com/docker/compose/v2
# The module's exclude lines count only in a main module, so its go.mod becomes that of this one.
own=$(go mod download -json "$module@$version" | sed -n 's/.*"GoMod": "\(.*\)".*/\1/p')
sed 's#^module .*#module local/compose#' "$own" >go.mod
go mod edit -require="$module@$version"
printf '//go:build tools\n\npackage compose\n\nimport _ "%s/cmd"\n' "$module" >tools.go
go mod tidy
go build -trimpath -ldflags "-s -w -X $module/internal.Version=$version" -o "$out/docker-compose" "$module/cmd"
