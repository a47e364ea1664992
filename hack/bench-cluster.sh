#!/usr/bin/env bash
# Measures the provider on a throwaway cluster of its own, and puts the figures
# into docs/benchmarks.md; arguments go to test/bench/cluster.
set -euo pipefail
cd "$(dirname "$0")/.."
hack/require.sh root
hack/packages.sh unit
cluster=$PWD/_output/bin/cluster report=docs/benchmarks.md title='## On a cluster'
mkdir -p _output/bin
go build -o "$cluster" ./cluster
CGO_ENABLED=0 go build -trimpath -o _output/bin/bench-cluster ./test/bench/cluster
echo "This boots a new cluster with KubeVirt's control plane (2 minutes, once they are built) and takes about 20 minutes."
"$cluster" down
trap '"$cluster" down >/dev/null' EXIT
"$cluster" up --without-cdi --with-kubevirt
hack/install.sh push
"$cluster" up --without-cdi --wait-kubevirt
WUKONG_PACKAGES=_output/packages/install-claims.yaml "$cluster" run -- hack/install.sh apply
figures=$("$cluster" run -- sh -c '_output/bin/bench-cluster -mover "$WUKONG_REGISTRY/novasphere/mover-wukong:$0" "$@"' "$(cat _output/packages/version)" "$@")

# What stood there of the last time goes.
rest=$(sed "/^$title\$/,\$d" "$report")
cat >"$report" <<EOF
$rest

$title

Written by \`hack/bench-cluster.sh\`, the last part of \`make bench\`, on $(date +%F). One node on this machine, which also runs the API server, etcd,
Crossplane and KubeVirt's control plane; Wukongs are claims, their machines do not start. Times are those of the bench's own web server and
of a look at the claim every 50 ms.

$figures
EOF
sed -n "/^$title\$/,\$p" "$report"
