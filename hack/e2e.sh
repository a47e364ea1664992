#!/usr/bin/env bash
# Runs the end-to-end tests on the throwaway cluster, which it boots and leaves
# up; arguments go to `go test`: hack/e2e.sh -run TestBoot.
set -euo pipefail
cd "$(dirname "$0")/.."
hack/packages.sh e2e
mkdir -p _output/bin
go build -o _output/bin/cluster ./cluster
_output/bin/cluster up
hack/install.sh push

echo "Making a disk that boots, and the image of the program that shows volumes."
export WUKONG_GUEST=$PWD/_output/guest.raw
hack/guest.sh "$WUKONG_GUEST" 64
hack/peek.sh

# The test is built here, where there is a network, and runs in the cluster's
# namespaces.
go test -tags e2e -count 1 -timeout 25m -parallel 6 -exec "$PWD/_output/bin/cluster run --" "$@" ./test/e2e
