#!/usr/bin/env bash
# Gathers the operators' own definitions (CRDs) in FOLDER, one folder an operator: from their Go modules, and Strimzi's by its own
# generator from its classes (Maven, Java 21 or later), because no package has them as YAML. Two operators are in none of both:
# definitions/ beside this script says of theirs what is used here, in our words.
# usage: deploy/engine/kubernetes/crds.sh FOLDER [JAVA]
set -euo pipefail
[ $# -ge 1 ] || { sed -n 5p "$0" >&2; exit 2; }
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1"
folder=$(realpath "$1")
java=${2:-java}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

of_module() {  # NAME MODULE VERSION FILES
  rm -rf "${folder:?}/$1"
  mkdir "$folder/$1"
  from=$(go mod download -json "$2@$3" | sed -n 's/.*"Dir": "\(.*\)".*/\1/p')
  # shellcheck disable=SC2086  # a pattern
  (cd "$from" && cp $4 "$folder/$1/")
  chmod u+w "$folder/$1"/*
  rm -f "$folder/$1/kustomization.yaml"
}
of_module keda github.com/kedacore/keda/v2 v2.21.0 'config/crd/bases/keda.sh_*.yaml'
of_module gateway-api sigs.k8s.io/gateway-api v1.6.3 'config/crd/standard/*_httproutes.yaml'
of_module prometheus-operator github.com/prometheus-operator/prometheus-operator v0.85.0 \
  'example/prometheus-operator-crd/*_podmonitors.yaml example/prometheus-operator-crd/*_prometheusrules.yaml'
of_module external-secrets github.com/external-secrets/external-secrets v0.16.2 'config/crds/bases/external-secrets.io_*.yaml'

strimzi=1.2.0
cat >pom.xml <<P
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion><groupId>local</groupId><artifactId>definitions</artifactId><version>1</version><packaging>pom</packaging>
  <dependencies>
    <dependency><groupId>io.strimzi</groupId><artifactId>api</artifactId><version>$strimzi</version></dependency>
    <dependency><groupId>io.strimzi</groupId><artifactId>crd-generator</artifactId><version>$strimzi</version></dependency>
  </dependencies>
</project>
P
mvn -q -B dependency:copy-dependencies -DoutputDirectory=jars
rm -rf "$folder/strimzi"
mkdir "$folder/strimzi"
model=io.strimzi.api.kafka.model
"$java" -cp 'jars/*' io.strimzi.crdgenerator.CrdGenerator --yaml --target-kube 1.16+ --crd-api-version v1 --api-versions v1 --storage-version v1 \
  $model.kafka.Kafka="$folder/strimzi/kafka.yaml" $model.nodepool.KafkaNodePool="$folder/strimzi/nodepool.yaml" \
  $model.topic.KafkaTopic="$folder/strimzi/topic.yaml" $model.user.KafkaUser="$folder/strimzi/user.yaml"
rm -rf "$folder/of-ours"
cp -r "$here/definitions" "$folder/of-ours"
