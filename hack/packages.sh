#!/usr/bin/env bash
# Installs the Debian packages that a purpose needs: unit, e2e, demo, bench. What the
# cluster needs, it installs itself.
set -euo pipefail
unit=(qemu-utils e2fsprogs xz-utils zstd skopeo fsverity)
guest=(syslinux mtools busybox-static cpio fdisk)
case ${1:-} in
  unit) want=("${unit[@]}") ;;
  bench) want=("${unit[@]}" qemu-block-extra nginx-light nbdkit) ;; # qemu-img reads URLs with qemu-block-extra.
  demo) want=("${unit[@]}" "${guest[@]}") ;;
  e2e) want=("${unit[@]}" "${guest[@]}" genisoimage qemu-system-x86) ;;
  *) echo "usage: $0 unit|e2e|demo|bench" >&2; exit 2 ;;
esac

installed() { dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null | grep -qx installed; }
missing=()
for p in "${want[@]}"; do installed "$p" || missing+=("$p"); done
[ ${#missing[@]} -gt 0 ] || exit 0

command -v apt-get >/dev/null || { echo "This needs these Debian packages, and there is no apt-get to install them: ${missing[*]}" >&2; exit 2; }
echo "Installing Debian packages: ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
get() { apt-get -qq -o DPkg::Lock::Timeout=300 "$@"; }
log=$(mktemp)
trap 'rm -f "$log"' EXIT
install() { get install -y --no-install-recommends "${missing[@]}" >"$log" 2>&1 </dev/null; }
# The lists of packages can be missing or old: then fetch them and try again.
install || { get update && install; } || { cat "$log" >&2; exit 1; }
