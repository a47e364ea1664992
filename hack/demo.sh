#!/usr/bin/env bash
# Shows what the project does, on a cluster of its own: boots it, installs the
# packages, imports a disk through a Wukong, and leaves the cluster up. What
# happens in the cluster is hack/demo/inside.sh.
set -euo pipefail
cd "$(dirname "$0")/.."
cluster=$PWD/_output/bin/cluster

heading() { printf '\n\033[1m== %s\033[0m (%s)\n' "$1" "$2"; }

hack/packages.sh demo
mkdir -p _output/bin

heading 'A disk that boots, with this Go installation on it, made in the background' 'about 20 s'
image() {
  nice hack/guest.sh _output/demo.raw 640 "$(go env GOROOT)"
  qemu-img convert -f raw -O qcow2 _output/demo.raw _output/demo.qcow2
}
image >_output/demo.log 2>&1 &
image=$!
trap 'kill "$image" 2>/dev/null || true' EXIT

heading 'The cluster: Kubernetes, containerd, a CSI driver, a registry, Crossplane' 'about 20 min the first time, to build them; then 1 min'
go build -o "$cluster" ./cluster
"$cluster" up --without-cdi

heading 'The packages: built, and pushed to the registry as a release would be' '5 min the first time, then 10 s'
hack/install.sh push

wait "$image" || { cat _output/demo.log >&2; exit 1; }
trap - EXIT
exec "$cluster" run -- hack/demo/inside.sh
