#!/usr/bin/env bash
# Shows what the project does, on a cluster of its own: boots it, installs the
# packages, takes disks from a web server through two machines, a registry and
# a bucket, waits while a person looks around, and ends the cluster, unless it was
# up before. What happens in the cluster is hack/demo/inside.sh.
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
images=$! was_up=yes # until it is known: there is nothing to end
finish() {
  kill "$images" 2>/dev/null || true
  [ -n "$was_up" ] || "$cluster" down
}
trap finish EXIT

heading 'The cluster: Kubernetes, containerd, a CSI driver, a registry, an S3 server, Crossplane' 'about 20 min the first time, to build them; then 1 min'
go build -o "$cluster" ./cluster
was_up=$("$cluster" run -- echo yes 2>/dev/null || true)
"$cluster" up --with-kubevirt

heading 'The packages: built for all platforms, and pushed to the registry as a release would be' '10 min the first time, then 30 s'
hack/install.sh push "$(make -s platforms)"

wait "$images" || { cat _output/demo.log >&2; exit 1; }

heading "CDI, which clones disks, and KubeVirt's control plane" 'about 10 min the first time, to build them; then 1 min'
"$cluster" up --wait-cdi --wait-kubevirt
"$cluster" run -- hack/demo/inside.sh

if [ -n "$was_up" ]; then
  echo 'The cluster stays up, as it was before. To end it: make cluster-down'
elif [ -t 0 ]; then
  read -r -p 'The cluster is up until you press Enter here. '
else
  echo 'The cluster ends now. To keep it: make cluster-up before make demo'
fi
