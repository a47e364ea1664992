#!/usr/bin/env bash
# Shows what the project does, on a cluster of its own: boots it, installs the
# packages, takes disks from a web server through two machines, a registry and
# a bucket, and leaves the cluster up. What happens in the cluster is
# hack/demo/inside.sh.
set -euo pipefail
cd "$(dirname "$0")/.."
cluster=$PWD/_output/bin/cluster

heading() { printf '\n\033[1m== %s\033[0m (%s)\n' "$1" "$2"; }

hack/packages.sh demo
mkdir -p _output/bin

heading 'Two disks that boot, one with this Go installation on it, made in the background' 'about 25 s'
images() {
  nice hack/guest.sh _output/demo-golden.raw 64
  nice hack/guest.sh _output/demo-system.raw 640 "$(go env GOROOT)"
  for disk in golden system; do
    nice qemu-img convert -f raw -O qcow2 _output/demo-$disk.{raw,qcow2}
  done
}
images >_output/demo.log 2>&1 &
images=$!
trap 'kill "$images" 2>/dev/null || true' EXIT

heading 'The cluster: Kubernetes, containerd, a CSI driver, a registry, an S3 server, Crossplane' 'about 20 min the first time, to build them; then 1 min'
go build -o "$cluster" ./cluster
"$cluster" up --with-kubevirt

heading 'The packages: built for all platforms, and pushed to the registry as a release would be' '10 min the first time, then 30 s'
hack/install.sh push "$(make -s platforms)"

wait "$images" || { cat _output/demo.log >&2; exit 1; }
trap - EXIT

heading "CDI, which clones disks, and KubeVirt's control plane" 'about 10 min the first time, to build them; then 1 min'
"$cluster" up --wait-cdi --wait-kubevirt
exec "$cluster" run -- hack/demo/inside.sh
