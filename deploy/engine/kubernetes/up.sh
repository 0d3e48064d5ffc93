#!/usr/bin/env bash
# Starts etcd and a real kube-apiserver on this machine alone, with what they keep in FOLDER, and nothing that would run a pod.
# usage: deploy/engine/kubernetes/up.sh PROGRAMS FOLDER [PORT]     then: export KUBECONFIG=FOLDER/kubeconfig
# PROGRAMS has kube-apiserver (build.sh); etcd is on the path: apt-get install -y --no-install-recommends etcd-server
set -euo pipefail
[ $# -ge 2 ] || { sed -n 3p "$0" >&2; exit 2; }
command -v etcd >/dev/null || { echo "etcd is not installed: apt-get install -y --no-install-recommends etcd-server" >&2; exit 1; }
programs=$(realpath "$1")
mkdir -p "$2"
folder=$(realpath "$2")
port=${3:-16443}
store=http://127.0.0.1:$((port + 1))
peers=http://127.0.0.1:$((port + 2))
cd "$folder"
umask 077
openssl genrsa -out accounts.key 2048 2>/dev/null
token=$(openssl rand -hex 16)
echo "$token,admin,1,\"system:masters\"" >tokens.csv
setsid nice etcd --data-dir "$folder/etcd" --listen-client-urls "$store" --advertise-client-urls "$store" --listen-peer-urls "$peers" \
  --initial-advertise-peer-urls "$peers" --initial-cluster "default=$peers" >etcd.log 2>&1 </dev/null &
echo $! >etcd.pid
# No range of its services lies on a network that is anywhere (198.18.0.0/15 is for tests).
setsid nice "$programs/kube-apiserver" --etcd-servers "$store" --bind-address 127.0.0.1 --advertise-address 127.0.0.1 \
  --secure-port "$port" --cert-dir "$folder/certificates" --token-auth-file tokens.csv --authorization-mode RBAC \
  --endpoint-reconciler-type none --service-account-issuer https://kubernetes.default.svc \
  --service-account-signing-key-file accounts.key --service-account-key-file accounts.key \
  --service-cluster-ip-range 198.18.0.0/24 --allow-privileged=false >apiserver.log 2>&1 </dev/null &
echo $! >apiserver.pid
for _ in $(seq 240); do
  [ -f certificates/apiserver.crt ] && [ "$(curl -ks -H "Authorization: Bearer $token" "https://127.0.0.1:$port/readyz")" = ok ] && break
  kill -0 "$(cat apiserver.pid)" 2>/dev/null || { tail -20 apiserver.log >&2; exit 1; }
  sleep 0.5
done
[ "$(curl -ks -H "Authorization: Bearer $token" "https://127.0.0.1:$port/readyz")" = ok ] || { tail -20 apiserver.log >&2; exit 1; }
cat >kubeconfig <<K
apiVersion: v1
kind: Config
clusters: [{name: local, cluster: {server: "https://127.0.0.1:$port", certificate-authority: "$folder/certificates/apiserver.crt"}}]
users: [{name: admin, user: {token: "$token"}}]
contexts: [{name: local, context: {cluster: local, user: admin}}]
current-context: local
K
echo "export KUBECONFIG=$folder/kubeconfig"
