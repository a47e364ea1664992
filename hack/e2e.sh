#!/usr/bin/env bash
# Runs the end-to-end tests on the throwaway cluster, which it boots and leaves
# up; arguments go to `go test`: hack/e2e.sh -run TestBoot.
set -euo pipefail
cd "$(dirname "$0")/.."
cluster=$PWD/_output/bin/cluster
hack/packages.sh e2e
mkdir -p _output/bin
go build -o "$cluster" ./cluster
"$cluster" up --with-kubevirt
hack/install.sh push

echo "Making a disk that boots, and the image of the program that shows volumes."
export WUKONG_GUEST=$PWD/_output/guest.raw
hack/guest.sh "$WUKONG_GUEST" 64
CGO_ENABLED=0 go build -trimpath -o _output/bin/peek ./test/e2e/peek
WUKONG_PEEK_IMAGE=$("$cluster" run -- sh -c 'mkimg -ref "$WUKONG_REGISTRY/e2e/peek:latest" -add _output/bin/peek:/peek -entrypoint /peek -push "$WUKONG_REGISTRY"')

# The servers that the contract's manifests name have certificates of an
# authority that stands for the public ones: the mover gets it as an operator
# with an authority of his own would give it to all movers.
WUKONG_MOVER=$("$cluster" run -- sh -c 'mkimg -base "$WUKONG_REGISTRY/novasphere/mover-wukong:$0" -ref "$WUKONG_REGISTRY/e2e/mover:latest" \
  -add "$WUKONG_USERS_CA:/etc/ssl/certs/own-authority.crt" -push "$WUKONG_REGISTRY"' "$(cat _output/packages/version)")
export WUKONG_MOVER

echo "Making the packages of the functions that examples/composition names."
# theirs FUNCTION MODULE pushes a function as its own project packages it.
theirs() {
  local binary=$PWD/_output/bin/function-$1 found folder version file files=()
  found=$(cd "test/e2e/functions/$1" && CGO_ENABLED=0 go build -trimpath -buildvcs=false -o "$binary" "$2" && go list -m -f '{{.Dir}} {{.Version}}' "$2")
  read -r folder version <<<"$found"
  for file in "$folder"/package/crossplane.yaml "$folder"/package/input/*.yaml; do files+=(-xpkg "$file"); done
  "$cluster" run -- sh -c 'mkimg -ref "$WUKONG_REGISTRY/crossplane-contrib/$0" -push "$WUKONG_REGISTRY" "$@"' \
    "function-$1:$version" -add "$binary:/function" -entrypoint /function -user 65532:65532 "${files[@]}"
}
theirs patch-and-transform github.com/crossplane-contrib/function-patch-and-transform
theirs auto-ready github.com/crossplane/function-auto-ready
export WUKONG_PEEK_IMAGE WUKONG_PACKAGES=$PWD/_output/packages/install.yaml

# Disks are cloned by CDI, and machines are looked at by KubeVirt.
"$cluster" up --wait-cdi --wait-kubevirt

# The test is built here, where there is a network, and runs in the cluster's
# namespaces.
e2e() { go test -vet=off -tags e2e -count 1 -timeout 40m -parallel 8 -exec "$cluster run --" "$@" ./test/e2e; }
e2e "$@"
[ $# = 0 ] || exit 0

# The same manifests once more, through the other configuration: a cluster has
# one of the two. The first one comes back with the next run. A configuration
# is gone before its kinds are, and they bear the name of the other's.
without() {
  "$cluster" run -- kubectl delete configurations.pkg.crossplane.io "$1"
  "$cluster" run -- kubectl wait --for=delete --timeout=2m crd/wukongs.vm.novasphere.dev
}
echo "Wukongs as claims."
without configuration-wukong
export WUKONG_PACKAGES=$PWD/_output/packages/install-claims.yaml
code=0
e2e -run '^(TestWukong.*|TestKeepDisks|TestContract|TestConfigurationsExclude)$' || code=$?
without configuration-claims-wukong
exit $code
