#!/usr/bin/env bash
# Builds kube-apiserver from the Go module k8s.io/kubernetes. Needs Go 1.26 or later; some 8 minutes of one processor.
# usage: deploy/engine/kubernetes/build.sh FOLDER VERSION
set -euo pipefail
[ $# = 2 ] || { sed -n 3p "$0" >&2; exit 2; }
mkdir -p "$1"
out=$(realpath "$1")
version=$2
minor=${version#*.}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
export GOFLAGS=-buildvcs=false
command=k8s.io/kubernetes/cmd/kube-apiserver
printf 'module local/kubernetes\ngo 1.26.0\nrequire k8s.io/kubernetes v%s\n' "$version" >go.mod
# That module takes its own parts from folders beside it; here they are the modules of the same release.
of_the_release=$(go mod download -json "k8s.io/kubernetes@v$version" | sed -n 's/.*"GoMod": "\(.*\)".*/\1/p')
sed -n 's#^\(replace\)\{0,1\}[[:space:]]*\(k8s.io/[a-z-]*\) => ./staging/.*#\2#p' "$of_the_release" | while read -r part; do
  echo "replace $part => $part v0.$minor" >>go.mod
done
printf '//go:build tools\n\npackage local\n\nimport _ "%s"\n' "$command" >tools.go
go mod tidy
names=k8s.io/component-base/version
nice -n 15 go build -p 1 -trimpath -o "$out/kube-apiserver.part" \
  -ldflags "-s -w -X $names.gitVersion=v$version -X $names.gitMajor=${version%%.*} -X $names.gitMinor=${minor%%.*}" "$command"
mv "$out/kube-apiserver.part" "$out/kube-apiserver"
