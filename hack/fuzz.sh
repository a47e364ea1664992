#!/usr/bin/env bash
# Fuzzes every parser for FUZZTIME each.
set -euo pipefail
cd "$(dirname "$0")/.."
time=${FUZZTIME:-30s}
grep -rlE '^func Fuzz' --include='*_test.go' internal | xargs -n1 dirname | sort -u | while read -r dir; do
  grep -rhoE '^func (Fuzz[A-Za-z0-9]+)' "$dir"/*_test.go | awk '{print $2}' | sort -u | while read -r f; do
    echo "== ./$dir $f for $time"
    go test "./$dir" -run '^$' -fuzz "^$f\$" -fuzztime "$time" -fuzzminimizetime 10x
  done
done
