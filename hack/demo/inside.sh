#!/usr/bin/env bash
# The part of the demo that happens in the cluster.
set -euo pipefail
image=$WUKONG_WWW/demo/demo.qcow2

heading() { printf '\n\033[1m== %s\033[0m%s\n' "$1" "${2:+ ($2)}"; }
show() { printf '\033[2m$ %s\033[0m\n' "$*"; "$@"; }
bytes() { numfmt --to=iec-i --suffix=B --format=%.1f "${1:-0}"; }

# again removes what an earlier demo has left.
again() {
  kubectl delete --ignore-not-found -f hack/demo/wukong.yaml
  kubectl wait --for=delete --timeout=2m pvc/demo-system pvc/demo-data 2>/dev/null || true
}

# look reads one row of the import: phase, percent, bytes, total, bytes a
# second, seconds left.
look() {
  kubectl get diskimport -l crossplane.io/composite=demo -o jsonpath='{range .items[0].status.atProvider}{.phase}|{.progress.percent}|{.progress.transferredBytes}|{.progress.totalBytes}|{.progress.bytesPerSecond}|{.progress.etaSeconds}{end}' 2>/dev/null || true
}

# follow shows the import on one line, or, where there is no terminal, on a
# line for each change.
follow() {
  local phase percent read total rate left line last='' format='\r%s\033[K'
  [ -t 1 ] || format='%s\n'
  while [ "${phase:-}" != Succeeded ]; do
    IFS='|' read -r phase percent read total rate left < <(look; echo)
    line=$(printf '%-9s %3s %%' "${phase:-Pending}" "${percent:-0}")
    [ -z "$total" ] || line+="  $(bytes "$read") of $(bytes "$total")  $(bytes "$rate")/s${left:+  $left s left}"
    # shellcheck disable=SC2059 # The format is ours.
    [ "$line" = "$last" ] || printf "$format" "$line"
    last=$line
    [ "$phase" != Failed ] || { echo; kubectl get diskimport -o wide >&2; return 1; }
    sleep 0.3
  done
  [ ! -t 1 ] || echo
}

# verify compares what the import says of the file with the file itself.
verify() {
  local told computed
  told=$(kubectl get diskimport -l crossplane.io/composite=demo -o jsonpath='{.items[0].status.atProvider.source.digest}')
  computed=sha256:$(sha256sum <"$image" | cut -d' ' -f1)
  echo "The import read      $told"
  echo "The server's file is $computed"
  [ "$told" = "$computed" ]
}

heading 'Crossplane pulls the packages and starts them' 'about 30 s, or nothing when they are there'
hack/install.sh apply
again
mkdir -p "$(dirname "$image")"
cp --sparse=always _output/demo.qcow2 "$image"

heading 'One manifest: a machine with an imported disk and an empty one'
cat hack/demo/wukong.yaml
show kubectl apply -f hack/demo/wukong.yaml
began=$SECONDS

heading "The import of $(bytes "$(stat -c %s "$image")"): the server gives each connection 2 MB/s, as a mirror far away does" 'about 20 s'
follow
kubectl wait --for=condition=VolumesBound --timeout=1m wukong/demo >/dev/null
took=$((SECONDS - began))

heading "Done in $took s: the claims are there, whole and bound"
show kubectl get wukong,diskimport,pvc
echo
echo "The Wukong is in error because its disks are all that this cluster can do; it says:"
echo "  $(kubectl get wukong demo -o jsonpath='{.status.message}')"
verify

heading 'To look further'
cat <<'TEXT'
  go run ./cluster run -- kubectl get wukong demo -o yaml        what the machine's disks say
  go run ./cluster run -- kubectl describe diskimport            the import: conditions, progress, events
  go run ./cluster run -- kubectl get providers,functions        what is installed
  go run ./cluster run -- kubectl apply -f examples/wukong/      more to try, with URLs of your own
  make cluster-down                                              ends the cluster, which is still up
TEXT
