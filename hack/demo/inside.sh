#!/usr/bin/env bash
# The part of the demo that happens in the cluster.
set -euo pipefail
cd "$(dirname "$0")"
made=../../_output served=$WUKONG_WWW/demo

heading() { printf '\n\033[1m== %s\033[0m%s\n' "$1" "${2:+ ($2)}"; }
show() { printf '\033[2m$ %s\033[0m\n' "$*"; "$@"; }
bytes() { numfmt --to=iec-i --suffix=B --format=%.1f "$(stat -c %s "$1")"; }

# again removes what an earlier demo has left: the bucket before its keys, which
# it is emptied with.
again() {
  kubectl delete --ignore-not-found -f second.yaml -f first.yaml
  kubectl delete --ignore-not-found -f before.yaml
  kubectl delete --ignore-not-found secret s3-credentials
  kubectl wait --for=delete --timeout=2m pvc/{golden,first-system,first-data,second-system,second-data} >/dev/null 2>&1 || true
}

# draw puts lines in the place of those that it drew before. Without a terminal
# it writes those that are new, and when.
drawn=()
draw() {
  [ $# -gt 0 ] || return 0
  local i
  if [ -t 1 ]; then
    [ ${#drawn[@]} = 0 ] || printf '\033[%dA' ${#drawn[@]}
    printf '%s\n' "$@" | cut -c "1-$(tput cols)" | sed 's/$/\x1b[K/'
  else
    for i in "$@"; do
      [[ " ${drawn[*]} " == *" $i "* ]] || printf '%3d s  %s\n' $((SECONDS - began)) "$i"
    done
  fi
  drawn=("$@")
}

# follow shows all Wukongs and their disks until one of them is ready.
follow() {
  local lines late=$((SECONDS + 300))
  drawn=()
  until printf '%s\n' "${lines[@]-}" | grep -Eq "^$1 +[A-Za-z]+ +ready "; do
    mapfile -t lines < <(kubectl get wukong -o go-template-file=progress.tmpl)
    draw "${lines[@]}"
    if [ $SECONDS -gt $late ] || printf '%s\n' "${lines[@]}" | grep -Eq ' (import|export) Failed '; then
      kubectl get diskimport,diskexport -o wide >&2
      return 1
    fi
    sleep 0.3
  done
}

# told is what a disk's DiskImport or DiskExport says of the bytes.
told() {
  kubectl get "$1" -l "vm.novasphere.dev/wukong=$2,vm.novasphere.dev/disk=$3" -o "jsonpath={.items[0].status.atProvider.$4}"
}

# compare ends the demo if two digests, or tags of an object, are not the same.
compare() {
  printf '%-42s %s\n%-42s %s\n\n' "$1" "$2" "$3" "$4"
  [ -n "$2" ] && [ "$2" = "$4" ]
}

# disk is the digest of a raw disk's content, with zeros behind it up to a size.
disk() {
  local whole=$made/demo-whole.raw
  cp --sparse=always "$1" "$whole"
  truncate -s "$2" "$whole"
  echo "fsverity:sha256:$(fsverity digest --compact "$whole")"
  rm "$whole"
}

heading 'Crossplane pulls the packages and starts them' 'about 30 s, or nothing when they are there'
../install.sh apply
again
mkdir -p "$served"
cp --sparse=always $made/demo-system.qcow2 "$served/system.qcow2"
cp --sparse=always $made/demo-golden.qcow2 "$served/golden.qcow2"
began=$SECONDS

heading 'Before any machine: a golden disk, and a bucket for backups' 'about 10 s'
cat before.yaml
kubectl create secret generic s3-credentials --from-env-file=<(printf 'accessKeyId=%s\nsecretAccessKey=%s\n' "$WUKONG_S3_ACCESS_KEY" "$WUKONG_S3_SECRET_KEY")
show kubectl apply -f before.yaml
show kubectl wait --for=condition=Ready --timeout=2m -f before.yaml
kubectl get -f before.yaml

heading "A machine: its system, $(bytes "$served/system.qcow2"), from a server that gives each connection 2 MB/s; its data, a clone; both are exported" 'about 45 s'
cat first.yaml
show kubectl apply -f first.yaml
follow first

heading 'A second machine, of what the first one exported' 'about 20 s'
cat second.yaml
show kubectl apply -f second.yaml
follow second

heading "Done in $((SECONDS - began)) s"
show kubectl get wukong,virtualmachine,diskimport,diskexport,imagebucket,pvc
echo
compare 'the file that the server gave' "sha256:$(sha256sum <"$served/system.qcow2" | cut -d' ' -f1)" \
  'what the first machine imported' "$(told diskimport first system source.digest)"
compare 'the disk in it' "$(disk $made/demo-system.raw $((1 << 30)))" \
  'what the first machine exported' "$(told diskexport first system artifact.contentDigest)"
compare 'the image in the registry' "$(told diskexport first system artifact.validator)" \
  'what the second machine imported' "$(told diskimport second system source.etag)"
compare 'the golden disk' "$(disk $made/demo-golden.raw $((256 << 20)))" \
  'the clone that the first machine exported' "$(told diskexport first data artifact.contentDigest)"
compare 'the object in the bucket' "$(told diskexport first data artifact.validator)" \
  'what the second machine imported' "$(told diskimport second data source.etag)"

heading 'To look further, in another terminal'
cat <<'TEXT'
  The machines are stopped: this cluster has KubeVirt's control plane, and no hypervisor.

  go run ./cluster run -- kubectl get wukong first -o yaml              what a machine's disks say
  go run ./cluster run -- kubectl describe diskimport,diskexport        each transfer: conditions, progress, events
  go run ./cluster run -- kubectl get imagebucket demo-backups -o wide  the bucket
  go run ./cluster run -- kubectl annotate wukong first vm.novasphere.dev/export=again
                                                                        exports the disks once more
  go run ./cluster run -- kubectl get providers,functions               what is installed

TEXT
