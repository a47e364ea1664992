#!/usr/bin/env bash
# Runs all the tests, as continuous integration does, and installs what they
# need. It begins with a cluster of its own, ends it whatever happens, and stops
# when a stage fails.
set -euo pipefail
cd "$(dirname "$0")/.."
hack/require.sh root
mkdir -p _output
began=$SECONDS groups=() passed=_output/stages
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

# Three lanes share the processors. The cluster's takes longest, and so comes first.
later() { renice -n 4 "$BASHPID" >/dev/null; }
unit() {
  later
  run 'unit tests' '20 to 55 min' '1 to 40 min' make unit
  run 'integration tests' '20 min' '10 to 14 min' make integration
}
checks() {
  later
  run 'vet and lint' '20 to 30 min' '1 to 8 min' make lint
  run 'race detector' '10 to 45 min' '1 to 40 min' make race
}
cluster() {
  run "the cluster's programs" '25 to 50 min' '1 s' go run ./cluster build
  run 'end-to-end tests' '15 to 35 min' '15 to 31 min' make e2e
}

# show prints what lanes print, one lane after another, until they end.
show() {
  local lane
  for lane; do
    tail -n +1 --pid "${lane%:*}" -f "_output/${lane#*:}.log"
  done
}

run 'packages of the system' '1 min' '1 s' hack/packages.sh e2e
run 'a clean start' '1 min' '2 s' go run ./cluster down
# On a new machine, most of the time goes into building the cluster's programs.
apart nice -n 10 go run ./cluster build >_output/cluster-build.log 2>&1
run 'generated files' '3 min' '20 s' make check-generate
renice -n 0 -g "${groups[0]}" >/dev/null 2>&1 || true # unless it is through

lanes=(unit checks cluster)
printf '\nThree lanes run beside each other: %s. What they print is in _output/LANE.log, and shown one after another.\n' "${lanes[*]}"
declare -A running=() # lanes by the process
shown=()
for lane in "${lanes[@]}"; do
  apart "$lane" >"_output/$lane.log" 2>&1
  running[${groups[-1]}]=$lane shown+=("${groups[-1]}:$lane")
done
apart show "${shown[@]}"
show=${groups[-1]}
while [ ${#running[@]} -gt 0 ]; do
  status=0
  wait -n -p ended "${!running[@]}" || status=$?
  if [ $status != 0 ]; then
    kill -- "-$show" 2>/dev/null || true
    printf '\n\033[1mThis lane failed: %s\033[0m\n' "${running[$ended]}"
    cat "_output/${running[$ended]}.log"
    exit $status
  fi
  unset "running[$ended]"
done
wait "$show"
