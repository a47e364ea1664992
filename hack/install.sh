#!/usr/bin/env bash
# Installs the packages on the throwaway cluster as a user does:
#
#   hack/install.sh push [PLATFORM,…]
#                           builds them and pushes them to the cluster's registry:
#                           images for the cluster's own platform, or an index of
#                           several, as those of a release are
#   hack/install.sh apply   applies the manifests, in the cluster, and waits;
#                           WUKONG_PACKAGES names another list of packages
set -euo pipefail
cd "$(dirname "$0")/.."

# push gives every content a version of its own, because Crossplane pulls no
# tag twice, and a later one a higher version: packages that depend on each
# other name the least that they need.
push() {
  local platforms=${1:-} programs=(_output/bin/{mover,provider,function})
  make build ${platforms:+build-others}
  [ -z "$platforms" ] || programs+=(_output/bin/linux_*)
  (cd hack/packages && go build -o ../../_output/bin/packages .)
  local content version last=_output/packages/version
  content=$(find "${programs[@]}" package examples -type f -print0 | sort -z | xargs -0 sha256sum | sha256sum | cut -c1-12)
  version=$(grep -s -- "h$content\$" "$last" || echo "v0.0.0-dev.$(date -u +%Y%m%d%H%M%S).h$content")
  _output/bin/cluster run -- sh -c \
    '_output/bin/packages -root . -registry "$WUKONG_REGISTRY/novasphere" -version "$0" -push "$@"' "$version" ${platforms:+-platforms "$platforms"}
  echo "$version" >"$last"
}

# apply waits where a manifest needs what a package brings: a configuration of
# the provider is a kind that the provider's package defines.
apply() {
  local packages=${WUKONG_PACKAGES:-_output/packages/install.yaml}
  kubectl apply -f "$packages" >/dev/null
  local late=$((SECONDS + 180))
  until kubectl apply -f examples/provider >/dev/null 2>_output/apply.log; do
    [ $SECONDS -lt $late ] || { cat _output/apply.log >&2; return 1; }
    sleep 1
  done
  kubectl wait --for=condition=Healthy --timeout=180s -f "$packages"
}

case ${1:-} in
  push | apply) "$@" ;;
  *) echo "usage: $0 push [PLATFORM,…]|apply" >&2; exit 2 ;;
esac
