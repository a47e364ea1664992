#!/usr/bin/env bash
# Says at once, in one sentence, what this machine lacks.
set -euo pipefail
[ "$(uname -s)" = Linux ] || { echo "This needs Linux: it runs a real kubelet, containerd and loop devices; on another system, use a Linux virtual machine." >&2; exit 2; }
if [ "${1:-}" = root ] && [ "$(id -u)" != 0 ]; then
  echo "This needs root: it makes network namespaces, loop devices and mounts; run it with sudo, or in a virtual machine." >&2
  exit 2
fi
command -v go >/dev/null || { echo "This needs Go 1.26 or newer on the PATH." >&2; exit 2; }
