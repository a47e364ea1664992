#!/usr/bin/env bash
# Runs all the tests, as continuous integration does, and installs what they
# need. It begins with a cluster of its own, ends it whatever happens, and stops
# when a stage fails.
set -euo pipefail
cd "$(dirname "$0")/.."
hack/require.sh root
mkdir -p _output
began=$SECONDS groups=() passed=_output/stages beside=_output/cluster-tests.log
: >"$passed"

# finish says how it went, and leaves nothing behind.
finish() {
  local code=$?
  trap '' INT TERM
  for group in "${groups[@]}"; do kill -- "-$group" 2>/dev/null || true; done
  wait
  go run ./cluster down >_output/cluster-down.log 2>&1 || { cat _output/cluster-down.log >&2; [ $code != 0 ] || code=1; }
  if [ $code = 0 ]; then
    printf '\n\033[1mAll tests passed in %s\033[0m: %s\n' "$(lasted $began)" "$(paste -sd, "$passed" | sed 's/,/, /g')"
  else
    printf '\n\033[1mFailed after %s\033[0m; passed before it: %s\n' "$(lasted $began)" "$(paste -sd, "$passed" | sed 's/,/, /g')" >&2
  fi
  exit $code
}
trap finish EXIT
trap 'exit 130' INT TERM

lasted() { printf '%dm%02ds' $(((SECONDS - $1) / 60)) $(((SECONDS - $1) % 60)); }

# run NAME COLD WARM COMMAND… runs one stage under a heading.
run() {
  local start=$SECONDS
  printf '\n\033[1m== %s\033[0m (the first time %s, then %s)\n' "$1" "$2" "$3"
  "${@:4}" || { printf '\n\033[1mStage "%s" failed\033[0m\n' "$1"; return 1; }
  echo "$1 $(lasted "$start")" >>"$passed"
}

# apart COMMAND… runs beside what follows, in a process group of its own, which
# ends with this script.
apart() {
  set -m
  "$@" &
  set +m
  groups+=($!)
}

# Two lanes share the processors: one computes most of the time, the other waits
# most of the time, and so comes first.
code() {
  renice -n 5 "$BASHPID" >/dev/null
  run 'vet and lint' '10 min' '2 min' make lint
  run 'unit tests' '15 min' '6 min' make unit
  run 'race detector' '15 min' '6 min' make race
}
cluster() {
  run "the cluster's programs" '25 min' '1 s' go run ./cluster build
  run 'integration tests' '15 min' '10 min' make integration
  run 'end-to-end tests' '20 min' '16 min' make e2e
}

# follow shows what a lane has printed and prints, until it ends.
follow() {
  tail -n +1 --pid "$1" -f "$beside" &
  local shown=$! code=0
  wait "$1" || code=$?
  wait "$shown"
  return $code
}

run 'packages of the system' '1 min' '1 s' hack/packages.sh e2e
run 'a clean start' '1 min' '2 s' go run ./cluster down
# On a new machine, most of the time goes into building the cluster's programs.
apart nice -n 10 go run ./cluster build >_output/cluster-build.log 2>&1
run 'generated files' '3 min' '20 s' make check-generate

printf '\nThe cluster and its tests run beside what follows; their log is %s.\n' "$beside"
apart cluster >"$beside" 2>&1
cluster=${groups[-1]}
apart code
code=${groups[-1]}
status=0
wait -n -p ended "$cluster" "$code" || status=$?
case $ended:$status in
  "$code:0") follow "$cluster" ;;
  "$cluster:0") wait "$code"; cat "$beside" ;;
  "$cluster:"*) cat "$beside"; exit $status ;;
  *) exit $status ;;
esac
