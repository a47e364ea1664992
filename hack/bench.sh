#!/usr/bin/env bash
# Compares the mover with its peers and writes docs/benchmarks.md. Arguments
# are passed on: hack/bench.sh -size 8589934592 -data 5368709120
set -euo pipefail
cd "$(dirname "$0")/.."
hack/packages.sh bench
make build
importer=$(go run ./cluster path cdi-importer)
echo "This makes a disk and three images of it (about 3 minutes, once) and takes about 12 minutes after that."
exec go run ./test/bench -dir "${WUKONG_BENCH_DIR:-/var/tmp/wukong-bench}" -importer "$importer" -out docs/benchmarks.md "$@"
