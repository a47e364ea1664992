#!/usr/bin/env bash
# Compares the mover with its peers, measures the provider on a cluster, and
# writes docs/benchmarks.md. With arguments, which are passed on, it does the
# first only: hack/bench.sh -size 8589934592 -data 5368709120
# Two builds of the mover, without writing: hack/bench.sh -only raw -against OTHER -out ''
set -euo pipefail
cd "$(dirname "$0")/.."
hack/packages.sh bench
make build
peers=$PWD/_output/bench
mkdir -p "$peers"
(cd test/bench/peers && CGO_ENABLED=0 go build -trimpath -ldflags '-s -w' -o "$peers/" ./...)
# go run would not hand on a signal, and would leave the servers behind.
go build -o "$peers/" ./test/bench
importer=$(go run ./cluster path cdi-importer)
gateway=$(go run ./cluster path versitygw)
registry=$(go run ./cluster path registry)
echo "This makes a disk and four images of it (about 5 minutes, once) and takes about three quarters of an hour after that."
"$peers/bench" -dir "${WUKONG_BENCH_DIR:-/var/tmp/wukong-bench}" -importer "$importer" -versitygw "$gateway" -registry "$registry" \
  -peers "$peers" -out docs/benchmarks.md "$@"
[ $# != 0 ] || hack/bench-cluster.sh
