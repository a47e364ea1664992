#!/usr/bin/env bash
# Runs all the tests, as continuous integration does, and installs what they
# need. It begins with a cluster of its own, ends it whatever happens, and stops
# at the first stage that fails.
set -euo pipefail
cd "$(dirname "$0")/.."
hack/require.sh root
mkdir -p _output
began=$SECONDS stage='' stages=() build='' log=_output/cluster-build.log

# finish says how it went, and leaves nothing behind.
finish() {
  local code=$?
  trap '' INT TERM
  # Only while it runs: afterwards its number can be somebody else's.
  if [ -n "$build" ] && jobs -pr | grep -qx "$build"; then kill -- "-$build" || true; fi
  go run ./cluster down >_output/cluster-down.log 2>&1 || { cat _output/cluster-down.log >&2; [ $code != 0 ] || code=1; }
  local summary
  summary=$(printf ', %s' "${stages[@]}")
  if [ $code = 0 ]; then
    printf '\n\033[1mAll tests passed in %s\033[0m: %s\n' "$(lasted $began)" "${summary:2}"
  else
    printf '\n\033[1mStage "%s" failed after %s\033[0m; before it: %s\n' "$stage" "$(lasted $began)" "${summary:2}" >&2
  fi
  exit $code
}
trap finish EXIT
trap 'exit 130' INT TERM

lasted() { printf '%dm%02ds' $(((SECONDS - $1) / 60)) $(((SECONDS - $1) % 60)); }

# run NAME COLD WARM COMMAND… runs one stage under a heading.
run() {
  stage=$1
  local start=$SECONDS
  printf '\n\033[1m== %s\033[0m (the first time %s, then %s)\n' "$1" "$2" "$3"
  "${@:4}"
  stages+=("$1 $(lasted "$start")")
}

# The cluster's programs are built beside the first stages: on a new machine
# that is most of the time. A low priority keeps it out of their way.
build_cluster() {
  go run ./cluster down
  echo "Building the cluster's programs in the background; its log is $log."
  setsid nice -n 15 go run ./cluster build >"$log" 2>&1 &
  build=$!
}

cluster_is_built() {
  local code=0
  wait "$build" || code=$?
  build=''
  [ $code = 0 ] || { tail -n 60 "$log" >&2; return $code; }
  tail -n 1 "$log"
}

run 'packages of the system' '1 min' '1 s' hack/packages.sh e2e
run 'a clean start' '1 min' '2 s' build_cluster
run 'generated files' '3 min' '20 s' make check-generate
run 'vet and lint' '10 min' '1 min' make lint
run 'unit tests' '20 min' '15 min' make unit
run "the cluster's programs" '15 min' '1 s' cluster_is_built
run 'integration tests' '20 min' '10 min' make integration
run 'end-to-end tests' '20 min' '16 min' make e2e
